package dev.berth.daemon.cli;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.snapshots.TarEntry;
import dev.berth.snapshots.TarReader;
import dev.berth.snapshots.TarWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.Objects;
import java.util.stream.Stream;

/** An archive as a directory: an OCI layout, or what {@code docker save} makes, unpacked. The daemon knows it only as a stream. */
record LayoutDirectory(Path directory) {
    private static final int CHUNK = 1 << 18;

    /** Whether a path that somebody typed means one. */
    static boolean is(String typed) {
        return typed.endsWith("/") || Files.isDirectory(Path.of(typed));
    }

    /**
     * Writes it as an archive.
     *
     * @throws Fault INVALID_ARGUMENT if there are no images in it
     */
    void pack(OutputStream archive) throws IOException {
        if (!Files.exists(directory.resolve("oci-layout")) && !Files.exists(directory.resolve("manifest.json"))) {
            throw Fault.invalid(
                    "load " + directory,
                    "it is a directory with neither oci-layout nor manifest.json",
                    "Name the directory of an OCI layout, or an archive");
        }
        var tar = new TarWriter(archive);
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path file : (Iterable<Path>) all.sorted()::iterator) {
                if (Files.isSymbolicLink(file)) {
                    tar.begin(TarEntry.of(
                            name(file),
                            TarEntry.Kind.SYMLINK,
                            Files.readSymbolicLink(file).toString(),
                            0777,
                            0));
                } else if (Files.isRegularFile(file)) {
                    pack(file, tar);
                }
            }
        }
        tar.finish();
    }

    private void pack(Path file, TarWriter tar) throws IOException {
        try (InputStream in = Files.newInputStream(file, LinkOption.NOFOLLOW_LINKS)) {
            long left = Files.size(file);
            tar.begin(TarEntry.of(name(file), TarEntry.Kind.REGULAR, "", 0644, left));
            byte[] chunk = new byte[CHUNK];
            while (left > 0) {
                int got = in.read(chunk, 0, (int) Math.min(chunk.length, left));
                if (got < 0) {
                    throw new IOException(file + " becomes shorter while it is read");
                }
                tar.write(chunk, 0, got);
                left -= got;
            }
        }
    }

    private String name(Path file) {
        return directory.relativize(file).toString();
    }

    /**
     * A directory beside it, to become this one when all is there.
     *
     * @throws Fault FAILED_PRECONDITION if something is there already
     */
    Path begin() throws IOException {
        if (Files.isDirectory(directory)) {
            try (Stream<Path> some = Files.list(directory)) {
                if (some.findAny().isPresent()) {
                    throw taken();
                }
            }
        }
        Path target = directory.toAbsolutePath().normalize();
        return Files.createDirectory(
                target.resolveSibling(target.getFileName() + "." + Ids.random().substring(0, 8)));
    }

    /** Takes an archive apart. */
    static void unpack(InputStream archive, Path part) throws IOException {
        TarReader tar = new TarReader(archive);
        for (TarEntry entry = tar.next(); entry != null; entry = tar.next()) {
            unpack(tar, entry, part);
        }
        archive.transferTo(OutputStream.nullOutputStream());
    }

    void finish(Path part) throws IOException {
        try {
            Files.move(part, directory.toAbsolutePath().normalize(), StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) { // over an empty directory it works
            if (Files.isDirectory(directory)) {
                throw taken().causedBy(e);
            }
            throw e;
        }
    }

    private Fault taken() {
        return Fault.precondition(
                "save to " + directory, "the directory is not empty", "Name another one, or remove what is in it");
    }

    private static void unpack(TarReader tar, TarEntry entry, Path top) throws IOException {
        Path file =
                top.resolve(new String(entry.name(), StandardCharsets.UTF_8)).normalize();
        if (!file.startsWith(top)) {
            throw new IOException("the archive has a name that leads out of it");
        }
        switch (entry.kind()) {
            case DIRECTORY -> Files.createDirectories(file);
            case REGULAR -> {
                Files.createDirectories(Objects.requireNonNull(file.getParent()));
                try (FileChannel out =
                        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                    copy(tar, entry.size(), Channels.newOutputStream(out));
                }
            }
            case HARD_LINK, SYMLINK, CHARACTER_DEVICE, BLOCK_DEVICE, FIFO ->
                throw new IOException("the archive has something that is no file: " + file.getFileName());
        }
    }

    private static void copy(TarReader tar, long size, OutputStream out) throws IOException {
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
        for (long left = size; left > 0; left -= chunk.position()) {
            chunk.clear().limit((int) Math.min(CHUNK, left));
            tar.read(chunk, chunk.remaining());
            out.write(chunk.array(), 0, chunk.position());
        }
    }

    static void remove(Path part) throws IOException {
        if (Files.exists(part)) {
            try (Stream<Path> all = Files.walk(part)) {
                for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }
}

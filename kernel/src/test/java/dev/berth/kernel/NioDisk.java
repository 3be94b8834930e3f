package dev.berth.kernel;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.atomic.AtomicLong;

/** A disk for tests of modules that may not see the one of {@code linux}. Its file system sync is left to the kernel. */
public final class NioDisk implements Disk {
    private final AtomicLong scratch = new AtomicLong();

    @Override
    public void replace(Path target, byte[] bytes) throws IOException {
        Path next = target.resolveSibling("." + target.getFileName() + "." + scratch.incrementAndGet());
        Files.createFile(next, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.write(next, bytes);
        sync(next);
        rename(next, target);
    }

    @Override
    public void sync(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    @Override
    public void syncDirectory(Path directory) throws IOException {
        sync(directory);
    }

    @Override
    public void syncFilesystem(Path anywhereOnIt) throws IOException {
        if (!Files.exists(anywhereOnIt)) {
            throw new IOException("no such file: " + anywhereOnIt);
        }
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        move(from, to);
        syncDirectory(parent(from));
        syncDirectory(parent(to));
    }

    @Override
    public void move(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
    }

    @Override
    public void remove(Path path) throws IOException {
        Files.deleteIfExists(path);
    }

    private static Path parent(Path path) throws IOException {
        Path parent = path.getParent();
        if (parent == null) {
            throw new IOException("not a path within a directory: " + path);
        }
        return parent;
    }
}

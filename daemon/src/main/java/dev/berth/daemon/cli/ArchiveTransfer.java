package dev.berth.daemon.cli;

import com.github.luben.zstd.ZstdOutputStreamNoFinalizer;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.oci.Platform;
import dev.berth.wire.containerd.transfertypes.ImageExportStream;
import dev.berth.wire.containerd.transfertypes.ImageImportStream;
import dev.berth.wire.containerd.transfertypes.ImageReference;
import dev.berth.wire.containerd.transfertypes.ImageStore;
import java.io.BufferedOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.Pipe;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * {@code berth image load} and {@code save}: between an archive and the store.
 *
 * @param file null for standard input or output
 * @param directory whether it is one, or is to become one
 * @param platforms none means all
 */
record ArchiveTransfer(
        @Nullable Path file, boolean directory, Packing packing, List<Platform> platforms, boolean quiet) {
    private static final int MOST = 1000;
    /** For images whose archive says only a tag, or nothing. */
    private static final String NAMELESS = "localhost/loaded";

    static Session.Action parseLoad(Arguments arguments) {
        var transfer = of(arguments, "--input", "-i", Packing.NONE);
        arguments.words("[options]", 0, 0);
        return transfer::load;
    }

    static Session.Action parseSave(Arguments arguments) {
        Packing packing = Packing.parse(arguments.value("--compress"));
        ArchiveTransfer transfer = of(arguments, "--output", "-o", packing);
        if (transfer.directory && packing != Packing.NONE) {
            throw new Misuse("--compress packs an archive, but " + transfer.file
                    + " is to be a directory; leave one of the two out");
        }
        List<String> images = arguments.words("IMAGE...", 1, MOST);
        return session -> transfer.save(session, images);
    }

    private static ArchiveTransfer of(Arguments arguments, String option, String shortly, Packing packing) {
        String typed = arguments.value(option, shortly);
        String named = typed == null || typed.equals("-") ? "" : typed;
        return new ArchiveTransfer(
                named.isEmpty() ? null : Path.of(named),
                !named.isEmpty() && LayoutDirectory.is(named),
                packing,
                RegistryTransfer.platforms(arguments),
                arguments.flag("--quiet", "-q"));
    }

    /** How a saved archive is packed as a whole. */
    enum Packing {
        NONE,
        GZIP,
        ZSTD;

        static Packing parse(@Nullable String typed) {
            return switch (typed == null ? "none" : typed) {
                case "none" -> NONE;
                case "gzip" -> GZIP;
                case "zstd" -> ZSTD;
                default -> throw new Misuse("--compress is none, gzip or zstd, not " + typed);
            };
        }

        OutputStream into(OutputStream out) throws IOException {
            return switch (this) {
                case NONE -> out;
                case GZIP -> new GZIPOutputStream(out);
                case ZSTD -> new ZstdOutputStreamNoFinalizer(out);
            };
        }
    }

    private int load(Session session) throws IOException, InterruptedException {
        if (file == null && session.terminal().interactive()) {
            throw Fault.invalid("load", "nobody types an archive", "Give --input FILE, or pipe one in");
        }
        ImageStore store = RegistryTransfer.store(session, platforms)
                .clearPlatforms() // all that is in it
                .addExtraReferences(ImageReference.newBuilder()
                        .setName(NAMELESS)
                        .setIsPrefix(true)
                        .setAllowOverwrite(true)
                        .setAddDigest(true)
                        .setSkipNamedDigest(true))
                .build();
        List<String> names;
        var room = new Archive.Room();
        try (SideStream sent = SideStream.open(session.daemon(), room);
                LayerBars bars = LayerBars.on(session.terminal(), quiet)) {
            var sending = new Archive.Sending(source(session.terminal()), room, sent);
            Thread sender = Thread.ofPlatform().daemon().name("archive").start(sending);
            try {
                RegistryTransfer.transfer(
                        session,
                        ImageImportStream.newBuilder().setStream(sent.id()).build(),
                        store,
                        bars);
                sender.join();
            } finally {
                sending.requireSound();
            }
            names = bars.saved().stream().distinct().toList();
        }
        if (names.isEmpty()) {
            throw Fault.invalid("load", "there is no image in the archive", "Look into it with tar -t");
        }
        names.forEach(session.terminal()::say);
        for (Platform platform : platforms) {
            requireOne(session, names, platform);
        }
        return 0;
    }

    /** The images are loaded all the same; but who names a platform wants one that runs there. */
    private static void requireOne(Session session, List<String> names, Platform platform) {
        List<StoredImage> all = session.library().all();
        Fault none = null;
        for (String name : names) {
            try {
                var _ = session.library().variant(session.library().find(name, all), platform);
                return;
            } catch (Fault e) {
                none = e;
            }
        }
        if (none != null) {
            throw none;
        }
    }

    private Archive.Source source(Terminal terminal) {
        if (file == null) {
            return terminal.in()::transferTo;
        }
        if (!Files.exists(file)) {
            throw Fault.notFound("load " + file, "there is no such file", "");
        }
        return directory
                ? new LayoutDirectory(file)::pack
                : archive -> {
                    try (InputStream in = Files.newInputStream(file)) {
                        in.transferTo(archive);
                    }
                };
    }

    private int save(Session session, List<String> images) throws IOException, InterruptedException {
        if (file == null && session.terminal().interactive()) {
            throw Fault.invalid("save", "an archive is nothing for a terminal", "Give --output FILE, or pipe it on");
        }
        List<StoredImage> all = session.library().all();
        ImageStore.Builder store = ImageStore.newBuilder();
        var wanted = new ArrayList<Platform>(platforms);
        for (String image : images) {
            StoredImage found = session.library().find(image, all);
            if (platforms.isEmpty()) {
                wanted.addAll(RegistryTransfer.wholePlatforms(session.library(), found));
            } else {
                platforms.forEach(platform -> session.library().variant(found, platform));
            }
            store.addExtraReferences(ImageReference.newBuilder().setName(found.name()));
        }
        write(session, store.build(), wanted.stream().distinct().toList());
        return 0;
    }

    /** It is there when all of it is; what fails leaves none. */
    private void write(Session session, ImageStore store, List<Platform> wanted)
            throws IOException, InterruptedException {
        if (file == null) {
            write(session, store, wanted, session.terminal().out());
        } else if (directory) {
            writeDirectory(session, store, wanted, new LayoutDirectory(file));
        } else if (Files.exists(file) && !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            try (OutputStream out = Files.newOutputStream(file)) {
                write(session, store, wanted, out);
            }
        } else {
            Path folder = file.toAbsolutePath().getParent();
            if (folder != null && !Files.isDirectory(folder)) {
                throw Fault.notFound("save " + file, "there is no folder " + folder, "Make it first");
            }
            Path part =
                    file.resolveSibling(file.getFileName() + "." + Ids.random().substring(0, 8));
            try {
                try (OutputStream out = Files.newOutputStream(part)) {
                    write(session, store, wanted, out);
                }
                Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(part);
            }
        }
    }

    private void writeDirectory(Session session, ImageStore store, List<Platform> wanted, LayoutDirectory layout)
            throws IOException, InterruptedException {
        Path part = layout.begin();
        try {
            Pipe pipe = Pipe.open();
            var unpacking = new FutureTask<Void>(() -> {
                try (InputStream archive = Channels.newInputStream(pipe.source())) { // its end is heard by who writes
                    LayoutDirectory.unpack(archive, part);
                }
                return null;
            });
            Thread thread = Thread.ofPlatform().daemon().name("layout").start(unpacking);
            IOException broken = null;
            try (OutputStream out = Channels.newOutputStream(pipe.sink())) {
                write(session, store, wanted, out);
            } catch (IOException e) {
                broken = e; // perhaps because nobody reads, which has a reason
            } finally {
                thread.join();
            }
            result(unpacking);
            if (broken != null) {
                throw broken;
            }
            layout.finish(part);
        } finally {
            LayoutDirectory.remove(part);
        }
    }

    private static void result(FutureTask<Void> task) throws IOException, InterruptedException {
        try {
            task.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException broken) {
                throw broken;
            }
            throw e.getCause() instanceof Fault fault ? fault : new IllegalStateException(e);
        }
    }

    private void write(Session session, ImageStore store, List<Platform> wanted, OutputStream out)
            throws IOException, InterruptedException {
        OutputStream packed = packing.into(new FilterOutputStream(new BufferedOutputStream(out)) {
            @Override
            public void write(byte[] bytes, int from, int length) throws IOException {
                out.write(bytes, from, length);
            }

            @Override
            public void close() throws IOException {
                flush(); // it is its owner's
            }
        });
        try (SideStream received = Archive.Sink.open(session.daemon(), packed);
                LayerBars bars = LayerBars.on(session.terminal(), quiet)) {
            ImageExportStream destination = ImageExportStream.newBuilder()
                    .setStream(received.id())
                    .addAllPlatforms(
                            wanted.stream().map(RegistryTransfer::message).toList())
                    .build();
            RegistryTransfer.transfer(session, store, destination, bars);
            received.awaitEnd();
        }
        packed.close(); // with what packing has to say at the end
    }
}

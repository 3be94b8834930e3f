package dev.berth.daemon.cli;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.oci.Platform;
import dev.berth.wire.containerd.transfertypes.ImageExportStream;
import dev.berth.wire.containerd.transfertypes.ImageImportStream;
import dev.berth.wire.containerd.transfertypes.ImageReference;
import dev.berth.wire.containerd.transfertypes.ImageStore;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code berth image load} and {@code save}: between an archive and the store.
 *
 * @param file null for standard input or output
 * @param platforms none means all
 */
record ArchiveTransfer(@Nullable Path file, List<Platform> platforms, boolean quiet) {
    private static final int MOST = 1000;
    /** For images whose archive says only a tag, or nothing. */
    private static final String NAMELESS = "localhost/loaded";

    static Session.Action parseLoad(Arguments arguments) {
        String file = arguments.value("--input", "-i");
        var transfer = new ArchiveTransfer(
                file == null || file.equals("-") ? null : Path.of(file),
                RegistryTransfer.platforms(arguments),
                arguments.flag("--quiet", "-q"));
        arguments.words("[options]", 0, 0);
        return transfer::load;
    }

    static Session.Action parseSave(Arguments arguments) {
        String file = arguments.value("--output", "-o");
        var transfer = new ArchiveTransfer(
                file == null || file.equals("-") ? null : Path.of(file),
                RegistryTransfer.platforms(arguments),
                arguments.flag("--quiet", "-q"));
        List<String> images = arguments.words("IMAGE...", 1, MOST);
        return session -> transfer.save(session, images);
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
        try (InputStream archive = open(session.terminal());
                SideStream sent = SideStream.open(session.daemon(), room);
                LayerBars bars = LayerBars.on(session.terminal(), quiet)) {
            Thread sender = Thread.ofPlatform().daemon().name("archive").start(() -> send(room, archive, sent));
            RegistryTransfer.transfer(
                    session, ImageImportStream.newBuilder().setStream(sent.id()).build(), store, bars);
            sender.join();
            names = bars.saved().stream().distinct().toList();
        }
        if (names.isEmpty()) {
            throw Fault.invalid("load", "there is no image in the archive", "Look into it with tar -t");
        }
        if (names.size() > 1
                && names.getFirst().startsWith(NAMELESS + "@")) { // the archive's own index, which is no image
            Removal.delete(session.daemon(), names.getFirst(), false);
            names = names.subList(1, names.size());
        }
        names.forEach(session.terminal()::say);
        return 0;
    }

    private static void send(Archive.Room room, InputStream archive, SideStream to) {
        try {
            room.send(archive, to);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            to.close();
        }
    }

    private InputStream open(Terminal terminal) throws IOException {
        if (file == null) {
            return terminal.in();
        }
        try {
            return Files.newInputStream(file);
        } catch (NoSuchFileException e) {
            throw Fault.notFound("load " + file, "there is no such file", "").causedBy(e);
        }
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

    /** A file is there when all of it is; what fails leaves none. */
    private void write(Session session, ImageStore store, List<Platform> wanted)
            throws IOException, InterruptedException {
        if (file == null) {
            write(session, store, wanted, session.terminal().out());
            if (session.terminal().out().checkError()) {
                throw Fault.unavailable("save", "standard output takes no more", "");
            }
        } else if (Files.exists(file) && !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            try (OutputStream out = Files.newOutputStream(file)) {
                write(session, store, wanted, out);
            }
        } else {
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

    private void write(Session session, ImageStore store, List<Platform> wanted, OutputStream out)
            throws IOException, InterruptedException {
        var buffered = new BufferedOutputStream(out);
        try (SideStream received = Archive.Sink.open(session.daemon(), buffered);
                LayerBars bars = LayerBars.on(session.terminal(), quiet)) {
            ImageExportStream destination = ImageExportStream.newBuilder()
                    .setStream(received.id())
                    .addAllPlatforms(
                            wanted.stream().map(RegistryTransfer::message).toList())
                    .build();
            RegistryTransfer.transfer(session, store, destination, bars);
            received.awaitEnd();
        }
        buffered.flush();
    }
}

package dev.berth.cri;

import dev.berth.cri.checkpoint.CheckpointWriter;
import dev.berth.cri.checkpoint.ForTools;
import dev.berth.cri.checkpoint.Manifest;
import dev.berth.cri.checkpoint.PodDump;
import dev.berth.cri.checkpoint.Seal;
import dev.berth.kernel.Disk;
import dev.berth.oci.Digest;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One container that is being written down: first, while it stands still, into a directory of its own; then, while it runs
 * again, as an archive to where it was asked for.
 */
final class Dump implements AutoCloseable {
    private static final int BUFFER = 1 << 16;
    private static final FileAttribute<?> OURS_ALONE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private final Container container;
    private final Path directory;
    private final Manifest about;
    private @Nullable FileChannel log;
    private long logLength;

    /**
     * A container to be written down.
     *
     * @param directory an empty one that nobody else uses
     * @param nowNanos nanoseconds since 1970
     */
    Dump(Container container, Path directory, long nowNanos) {
        this.container = container;
        this.directory = directory;
        this.about = new Manifest(
                container.podId(),
                container.id(),
                container.config().metadata().name(),
                container.imageId(),
                container.imageName(),
                nowNanos);
    }

    Container container() {
        return container;
    }

    /** Writes down the state of the processes, which should stand still. */
    void takeProcesses(CriContext context, Duration limit) throws IOException {
        Files.createDirectory(images());
        context.tasks().checkpoint(ContainerRunning.task(container), images(), directory, limit);
    }

    /** Writes down what the container has made of its files: as its processes believe them, so they should stand still. */
    void takeFiles(WritableLayers layers) throws IOException {
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(difference()), BUFFER)) {
            layers.difference(container, out);
        }
        if (!container.logPath().isEmpty()) {
            try { // held from now on: it may be moved away
                FileChannel open = FileChannel.open(
                        Path.of(container.logPath()), StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
                log = open;
                logLength = open.size();
            } catch (NoSuchFileException moved) {
                logLength = 0; // between two, as it is rotated
            }
        }
    }

    private Path images() {
        return directory.resolve("images");
    }

    private Path difference() {
        return directory.resolve(CheckpointWriter.DIFFERENCE);
    }

    /** The archive of a container while it is being written, beside where it will be. */
    static Path part(Path target, String id) {
        return target.resolveSibling("." + id + ".part");
    }

    /**
     * Writes the archive: nothing is there of it, or all, also after a loss of power.
     *
     * @param spec the OCI spec that the container runs with
     * @param handler of its pod
     * @param before what is to be done at the last moment before it is there
     */
    PodDump.Archive pack(Path target, Sealing by, byte[] spec, String handler, Runnable before) throws IOException {
        Path part = part(target, container.id());
        Files.deleteIfExists(part);
        MessageDigest digest = Digest.sha256Hasher();
        try {
            long size;
            try (FileChannel channel = FileChannel.open(
                            part, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), OURS_ALONE);
                    OutputStream out = new BufferedOutputStream(
                            new DigestOutputStream(Channels.newOutputStream(channel), digest), BUFFER)) {
                write(new CheckpointWriter(out), spec, handler, by.seal());
                out.flush();
                channel.force(true);
                size = channel.size();
            }
            before.run();
            by.disk().rename(part, target);
            return new PodDump.Archive(size, HexFormat.of().formatHex(digest.digest()));
        } finally {
            Files.deleteIfExists(part);
        }
    }

    /** What makes a file one of this node's, for good. */
    record Sealing(Seal seal, Disk disk) {}

    private void write(CheckpointWriter archive, byte[] spec, String handler, Seal seal) throws IOException {
        archive.addImages(images());
        archive.add(CheckpointWriter.DIFFERENCE, difference());
        archive.add(CheckpointWriter.SPEC, spec);
        Instant created = Instant.ofEpochSecond(0, container.createdAtNanos());
        archive.add(ForTools.CONFIG, ForTools.config(about, container.imageRef(), handler, created));
        Container.Life life = container.life();
        archive.add(ForTools.STATUS, ForTools.status(container.createdAtNanos(), life.startedAtNanos(), life.pid()));
        for (String told : new String[] {"dump.log", "stats-dump"}) {
            Path file = directory.resolve(told);
            if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
                archive.add(told, file);
            }
        }
        FileChannel open = log;
        if (open != null) {
            archive.add("container.log", open, logLength);
        }
        archive.finish(about, seal);
    }

    @Override
    public void close() throws IOException {
        FileChannel open = log;
        if (open != null) {
            open.close();
        }
    }
}

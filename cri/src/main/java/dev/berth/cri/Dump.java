package dev.berth.cri;

import dev.berth.cri.checkpoint.CheckpointWriter;
import dev.berth.cri.checkpoint.ForTools;
import dev.berth.cri.checkpoint.Manifest;
import dev.berth.cri.checkpoint.Seal;
import dev.berth.kernel.Disk;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;

/**
 * One container that is being written down: first, while it stands still, into a directory of its own; then, while it runs
 * again, as an archive to where it was asked for.
 */
final class Dump {
    private static final int BUFFER = 1 << 16;
    private static final FileAttribute<?> OURS_ALONE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private final Container container;
    private final Path directory;
    private final Manifest about;

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

    /** Writes down what the container is. It should stand still: its files are to be as its processes believe them. */
    void take(CriContext context, ContainerMaking making, Duration limit) throws IOException, InterruptedException {
        Files.createDirectory(images());
        context.tasks().checkpoint(ContainerRunning.task(container), images(), directory, limit);
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(difference()), BUFFER)) {
            making.layers().difference(container, out);
        }
    }

    private Path images() {
        return directory.resolve("images");
    }

    private Path difference() {
        return directory.resolve(CheckpointWriter.DIFFERENCE);
    }

    /**
     * Writes the archive: nothing is there of it, or all, also after a loss of power.
     *
     * @param spec the OCI spec that the container runs with
     * @param handler of its pod
     */
    void pack(Path target, byte[] spec, String handler, Seal seal, Disk disk) throws IOException {
        Path part = target.resolveSibling("." + target.getFileName() + "." + container.id() + ".part");
        Files.deleteIfExists(part);
        try {
            try (FileChannel channel = FileChannel.open(
                            part, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), OURS_ALONE);
                    OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER)) {
                write(new CheckpointWriter(out), spec, handler, seal);
                out.flush();
                channel.force(true);
            }
            disk.rename(part, target);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private void write(CheckpointWriter archive, byte[] spec, String handler, Seal seal) throws IOException {
        archive.addImages(images());
        archive.add(CheckpointWriter.DIFFERENCE, difference());
        archive.add(CheckpointWriter.SPEC, spec);
        Instant created = Instant.ofEpochSecond(0, container.createdAtNanos());
        archive.add(ForTools.CONFIG, ForTools.config(about, container.imageRef(), handler, created));
        Container.Life life = container.life();
        archive.add(ForTools.STATUS, ForTools.status(container.createdAtNanos(), life.startedAtNanos(), life.pid()));
        addIfThere(archive, "dump.log", directory.resolve("dump.log"));
        addIfThere(archive, "stats-dump", directory.resolve("stats-dump"));
        if (!container.logPath().isEmpty()) {
            addIfThere(archive, "container.log", Path.of(container.logPath()));
        }
        archive.finish(about, seal);
    }

    private static void addIfThere(CheckpointWriter archive, String name, Path file) throws IOException {
        if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
            archive.add(name, file);
        }
    }
}

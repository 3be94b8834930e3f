package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.kernel.DiskFault;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory of one ingest: {@code data}, and {@code about} which says whose it is. Neither is synced: after a power loss
 * either may be gone or torn, and the digest decides.
 */
record IngestFiles(Path directory, String ref) {
    private static final Logger LOG = LoggerFactory.getLogger(IngestFiles.class);

    static IngestFiles of(Layout layout, String ref) {
        return new IngestFiles(layout.ingest(ref), ref);
    }

    Path data() {
        return directory.resolve("data");
    }

    FileChannel openData() throws IOException {
        return FileChannel.open(
                data(),
                EnumSet.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                Layout.PRIVATE_FILE);
    }

    /** Makes the directory; one that is there keeps its time of beginning, and its data unless they are to be others. */
    void create(Blobs.Wanted wanted, Blobs.Announced announced, Instant now) throws IOException {
        boolean fresh = Layout.makePrivate(directory);
        Optional<Blobs.Status> before = fresh ? Optional.empty() : status();
        long known = before.map(it -> it.announced().total()).orElse(0L);
        if (known != 0 && announced.total() != 0 && known != announced.total()) {
            Files.delete(data());
            before = Optional.empty();
        }
        var kept = new Blobs.Announced(announced.total() == 0 ? known : announced.total(), announced.leased());
        Instant startedAt = before.map(Blobs.Status::startedAt).orElse(now);
        Files.writeString(about(directory), new IngestAbout(ref, wanted, kept, startedAt).toText());
    }

    void remove(Disk disk) throws IOException {
        disk.remove(data());
        disk.remove(about(directory));
        disk.remove(directory);
    }

    /** Removes what a crash has left of ingests that were over; at the start, before anybody writes. */
    static void sweep(Layout layout, Disk disk) {
        for (Path directory : BlobFiles.entries(layout.ingests())) {
            try {
                if (status(directory).isEmpty()) {
                    new IngestFiles(directory, "").remove(disk);
                }
            } catch (IOException e) {
                LOG.warn("{} is left over from an ingest and cannot be removed", directory, e);
            }
        }
    }

    /** What is known of the ingest in this directory; empty if it has none, or a torn one. */
    Optional<Blobs.Status> status() {
        return status(directory);
    }

    static Optional<Blobs.Status> status(Path directory) {
        try {
            Optional<IngestAbout> about = IngestAbout.fromText(Files.readString(about(directory)));
            BasicFileAttributes data = Files.readAttributes(directory.resolve("data"), BasicFileAttributes.class);
            return about.map(known -> new Blobs.Status(
                    known.ref(),
                    data.size(),
                    known.wanted(),
                    known.announced(),
                    known.startedAt(),
                    data.lastModifiedTime().toInstant()));
        } catch (NoSuchFileException | CharacterCodingException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw DiskFault.of("look at ingest " + directory.getFileName(), e);
        }
    }

    private static Path about(Path directory) {
        return directory.resolve("about");
    }
}

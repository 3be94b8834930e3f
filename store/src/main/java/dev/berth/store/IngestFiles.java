package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import io.avaje.json.JsonException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The directory of one ingest: {@code data}, and {@code about} which says whose it is. Neither is synced: after a power loss
 * either may be gone or torn, and the digest decides.
 */
record IngestFiles(Path directory, String ref) {
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

    /** Makes the directory; one that is there keeps its time of beginning. */
    void create(Blobs.Wanted wanted, Instant now) throws IOException {
        boolean fresh = Layout.makePrivate(directory);
        Instant startedAt = fresh ? now : status().map(Blobs.Status::startedAt).orElse(now);
        Map<String, String> about = Map.of(
                "ref",
                ref,
                "digest",
                wanted.digest().map(Digest::toString).orElse(""),
                "size",
                wanted.size().isPresent() ? Long.toString(wanted.size().getAsLong()) : "",
                "startedAt",
                startedAt.toString());
        Files.writeString(about(directory), Labels.toJson(about));
    }

    void remove(Disk disk) throws IOException {
        disk.remove(data());
        disk.remove(about(directory));
        disk.remove(directory);
    }

    /** What is known of the ingest in this directory; empty if it has none, or a torn one. */
    Optional<Blobs.Status> status() {
        return status(directory);
    }

    static Optional<Blobs.Status> status(Path directory) {
        try {
            Map<String, String> about = Labels.fromJson(Files.readString(about(directory), StandardCharsets.UTF_8));
            BasicFileAttributes data = Files.readAttributes(directory.resolve("data"), BasicFileAttributes.class);
            String digest = about.getOrDefault("digest", "");
            String size = about.getOrDefault("size", "");
            Blobs.Wanted wanted = new Blobs.Wanted(
                    digest.isEmpty() ? Optional.empty() : Optional.of(Digest.parse(digest)),
                    size.isEmpty() ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(size)));
            return Optional.of(new Blobs.Status(
                    Names.check("ingest", about.getOrDefault("ref", "")),
                    data.size(),
                    wanted,
                    Instant.parse(about.getOrDefault("startedAt", "")),
                    data.lastModifiedTime().toInstant()));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw DiskFault.of("look at ingest " + directory.getFileName(), e);
        } catch (Fault | NumberFormatException | DateTimeException | JsonException e) {
            return Optional.empty(); // torn: never synced
        }
    }

    private static Path about(Path directory) {
        return directory.resolve("about");
    }
}

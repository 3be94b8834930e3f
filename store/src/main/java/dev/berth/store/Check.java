package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Digest;
import dev.berth.store.Store.Finding;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Looks for contradictions between records and files. What is fit for repair brings its repair with it. */
final class Check {
    private final Layout layout;
    private final Disk disk;
    private final Blobs blobs;
    private final Metadata metadata;
    private final List<Problem> found = new ArrayList<>();

    Check(Layout layout, Disk disk, Blobs blobs, Metadata metadata) {
        this.layout = layout;
        this.disk = disk;
        this.blobs = blobs;
        this.metadata = metadata;
    }

    /** @param thorough whether every blob is read and hashed */
    List<Problem> run(boolean thorough) {
        return new Check(layout, disk, blobs, metadata).look(thorough);
    }

    private List<Problem> look(boolean thorough) {
        database();
        files();
        if (thorough) {
            blobs.list().forEach(this::hash);
        }
        metadata.<List<Namespace>>read(r -> r.namespaces().list()).forEach(this::records);
        unclaimed();
        SetAside.list(layout)
                .forEach(path -> note("database " + path, "it was damaged and set aside", "Keep it or delete it"));
        return List.copyOf(found);
    }

    /** Runs the repairs of the problems that have one. */
    static List<Finding> repair(List<Problem> problems) {
        List<Finding> done = new ArrayList<>();
        for (Problem problem : problems) {
            problem.repaired().ifPresent(done::add);
        }
        return done;
    }

    private void database() {
        for (String line : metadata.read(Records::damage)) {
            found.add(new Problem(
                    new Finding(
                            "database",
                            layout.database().toString(),
                            line,
                            "Stop the daemon and run berth check --repair: it saves what can be read",
                            false),
                    null));
        }
    }

    /** Files that no code of ours would have left there. */
    private void files() {
        for (Path directory : layout.blobDirectories()) {
            for (Path file : BlobFiles.entries(directory)) {
                if (BlobFiles.digest(file).isEmpty()) {
                    problem("file", file.toString(), "its name is not a digest", "Remove it", () -> disk.remove(file));
                }
            }
        }
        for (Path directory : BlobFiles.entries(layout.ingests())) {
            if (IngestFiles.status(directory).isEmpty()) {
                problem(
                        "file",
                        directory.toString(),
                        "an ingest without its description",
                        "Remove it",
                        () -> new IngestFiles(directory, "").remove(disk));
            }
        }
    }

    private void hash(Blob blob) {
        MessageDigest hasher = blob.digest().hasher();
        try (Blobs.Reader reader = blobs.open(blob.digest());
                FileChannel channel = reader.channel()) {
            Ingest.hash(channel, hasher);
        } catch (IOException e) {
            throw DiskFault.of("read blob " + blob.digest(), e);
        }
        Digest got = blob.digest().finish(hasher);
        if (!got.equals(blob.digest())) {
            problem(
                    "blob",
                    "blob " + blob.digest(),
                    "its bytes are those of " + got,
                    "Remove it",
                    () -> blobs.delete(blob.digest()));
        }
    }

    private void records(Namespace namespace) {
        for (Contents.Content content :
                metadata.<List<Contents.Content>>read(r -> r.contents().list(namespace))) {
            Optional<Blob> blob = blobs.find(content.digest());
            if (blob.isEmpty() || blob.get().size() != content.size()) {
                String why = blob.isEmpty()
                        ? "there is no such blob"
                        : "it says " + content.size() + " bytes, the blob has "
                                + blob.get().size();
                problem(
                        "record",
                        "content " + content.digest() + " of " + namespace.name(),
                        why,
                        "Remove it",
                        () -> metadata.apply(Durability.POWER, r -> r.contents().remove(namespace, content.digest())));
            }
        }
        Set<String> complete = metadata.read(r -> r.images().withContent(namespace));
        for (ImageRecord image :
                metadata.<List<ImageRecord>>read(r -> r.images().list(namespace))) {
            if (!complete.contains(image.name())) {
                problem(
                        "record",
                        "image " + image.name() + " of " + namespace.name(),
                        "its " + image.target().digest() + " is not in the namespace",
                        "Remove it and pull it again",
                        () -> metadata.apply(Durability.POWER, r -> r.images().remove(namespace, image.name())));
            }
        }
    }

    private void unclaimed() {
        Set<Digest> claimed = metadata.read(r -> r.contents().digests());
        long count = 0;
        long bytes = 0;
        for (Blob blob : blobs.list()) {
            if (!claimed.contains(blob.digest())) {
                count++;
                bytes += blob.size();
            }
        }
        if (count > 0) {
            note(count + " blobs with " + bytes + " bytes", "no namespace has them", "Garbage collection removes them");
        }
    }

    private void problem(String kind, String what, String why, String remedy, Problem.Repair repair) {
        found.add(new Problem(new Finding(kind, what, why, remedy, false), repair));
    }

    private void note(String what, String why, String remedy) {
        found.add(new Problem(new Finding("note", what, why, remedy, false), null));
    }
}

package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.oci.Digest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;

/** Where everything is beneath the root, and with which modes. */
record Layout(Path root) {
    static final FileAttribute<Set<PosixFilePermission>> PRIVATE_FILE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private static final Set<PosixFilePermission> PRIVATE_DIRECTORY = PosixFilePermissions.fromString("rwx------");
    private static final List<String> ALGORITHMS = List.of("sha256", "sha512");

    Path lock() {
        return root.resolve("lock");
    }

    Path meta() {
        return root.resolve("meta");
    }

    Path database() {
        return meta().resolve("berth.db");
    }

    Path reserve() {
        return meta().resolve("reserve");
    }

    List<Path> blobDirectories() {
        return ALGORITHMS.stream()
                .map(algorithm -> root.resolve("blobs").resolve(algorithm))
                .toList();
    }

    Path blob(Digest digest) {
        return root.resolve("blobs").resolve(digest.algorithm()).resolve(digest.hex());
    }

    Path ingests() {
        return root.resolve("ingest");
    }

    /** References are free text, so their directory has the name of their hash. */
    Path ingest(String ref) {
        return ingests().resolve(Digest.of(ref.getBytes(StandardCharsets.UTF_8)).hex());
    }

    /** Makes the directories that are missing; they are on disk when this returns. The root may have any mode of its own. */
    void create(Disk disk) throws IOException {
        boolean made = makePrivate(root);
        for (Path top : List.of(meta(), root.resolve("blobs"), ingests())) {
            made |= makePrivate(top);
        }
        for (Path blobs : blobDirectories()) {
            made |= makePrivate(blobs);
        }
        if (made) {
            disk.syncFilesystem(root);
        }
    }

    static boolean makePrivate(Path directory) throws IOException {
        if (Files.isDirectory(directory)) {
            return false;
        }
        Files.createDirectories(directory, PosixFilePermissions.asFileAttribute(PRIVATE_DIRECTORY));
        return true;
    }
}

package dev.berth.network.cni;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Ids;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One file for each pod that has something. A file is whole or not there, and outlives the process at once; it is synced
 * behind the caller's back, so that it outlives a power loss like the books of the plugins do.
 */
final class AddedFiles {
    private static final Logger LOG = LoggerFactory.getLogger(AddedFiles.class);
    private static final String ENDING = ".json";
    private static final String NEW = ".new";

    private final Path directory;
    private final Disk disk;

    AddedFiles(Path directory, Disk disk) throws IOException {
        this.directory = directory;
        this.disk = disk;
        Files.createDirectories(directory);
    }

    void write(Added added) throws IOException {
        Path file = file(added.pod().id());
        Path fresh = file.resolveSibling(file.getFileName() + NEW);
        Files.write(fresh, added.bytes());
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        if (added.result() == null) { // what DEL needs; with the result it only does better
            Thread.startVirtualThread(() -> sync(file));
        }
    }

    private void sync(Path file) {
        try {
            disk.sync(file);
            disk.syncDirectory(directory);
        } catch (IOException e) {
            LOG.debug("{} is not synced, it may be gone already: {}", file, e.getMessage());
        }
    }

    /** Empty if there is none, or only what a power loss left of it. */
    Optional<Added> read(String id) throws IOException {
        try {
            return Optional.of(Added.parse(Files.readAllBytes(file(id))));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IllegalArgumentException e) {
            LOG.warn("{} is of no use: {}", file(id), e.getMessage());
            return Optional.empty();
        }
    }

    void remove(String id) throws IOException {
        Files.deleteIfExists(file(id));
    }

    /** The ids of all pods that have one. */
    List<String> list() throws IOException {
        List<String> ids = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                if (name.endsWith(ENDING)) {
                    ids.add(name.substring(0, name.length() - ENDING.length()));
                }
            }
        }
        return ids;
    }

    private Path file(String id) {
        return directory.resolve(Ids.check("CNI result", id) + ENDING);
    }
}

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
 * What each pod has, in two files, each whole or not there.
 *
 * <p>The first says what is about to be added, and is on the disk before a plugin runs: the plugins' books outlive a power
 * loss, and without it nobody could tell them what to strike out. The second says the same with the result. It outlives the
 * process, and a power loss mostly; where it does not, the first is still there, and a DEL that lacks the result does nearly
 * as well. So connecting a pod costs one flush and not two.
 */
final class AddedFiles {
    private static final Logger LOG = LoggerFactory.getLogger(AddedFiles.class);
    private static final String ENDING = ".json";
    private static final String RESULT = ".result";
    private static final String NEW = ".new";

    private final Path directory;
    private final Disk disk;

    AddedFiles(Path directory, Disk disk) throws IOException {
        this.directory = directory;
        this.disk = disk;
        Files.createDirectories(directory);
    }

    /** Keeps what is about to be added, whatever happens from now on; no result of before counts any more. */
    void writeIntent(Added intent) throws IOException {
        Path file = intent(intent.pod().id());
        Files.deleteIfExists(result(intent.pod().id()));
        disk.replace(file, intent.bytes());
    }

    /** Keeps what was added, beside the intent. */
    void writeResult(Added added) throws IOException {
        Path file = result(added.pod().id());
        Path fresh = file.resolveSibling(file.getFileName() + NEW);
        Files.write(fresh, added.bytes());
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Empty if there is none, or only what a power loss left of an intent: then no plugin ran. */
    Optional<Added> read(String id) throws IOException {
        Optional<Added> result = read(result(id));
        return result.isPresent() ? result : read(intent(id));
    }

    private static Optional<Added> read(Path file) throws IOException {
        try {
            return Optional.of(Added.parse(Files.readAllBytes(file)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IllegalArgumentException e) {
            LOG.warn("{} is of no use: {}", file, e.getMessage());
            return Optional.empty();
        }
    }

    /** The intent last: as long as it is there somebody comes again. */
    void remove(String id) throws IOException {
        Files.deleteIfExists(result(id));
        Files.deleteIfExists(intent(id));
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

    private Path intent(String id) {
        return directory.resolve(Ids.check("CNI result", id) + ENDING);
    }

    private Path result(String id) {
        return directory.resolve(Ids.check("CNI result", id) + RESULT);
    }
}

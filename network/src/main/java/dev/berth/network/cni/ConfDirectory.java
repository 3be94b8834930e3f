package dev.berth.network.cni;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory with the networks' configurations. The first file by name that is right is the network of all pods.
 *
 * <p>It is looked at again whenever it is asked, and read again when a file's name, size, time or identity changed: a few
 * system calls, and no event can get lost.
 */
final class ConfDirectory {
    private static final Logger LOG = LoggerFactory.getLogger(ConfDirectory.class);
    private static final long LARGEST_BYTES = 1 << 20;
    private static final List<String> ENDINGS = List.of(".conflist", ".conf", ".json");

    /** What the directory says. */
    sealed interface Found {
        /** The network; {@code ignored} says what is wrong with a file that comes before, if one does. */
        record Network(NetworkList list, String ignored) implements Found {}

        /** No file at all, or only wrong ones. */
        record Nothing(String reason, String message) implements Found {}
    }

    private record Seen(
            Path file,
            FileTime changed,
            long bytes,
            @Nullable Object key) {}

    private final Path directory;
    private List<Seen> known = List.of();
    private @Nullable Found found;

    ConfDirectory(Path directory) {
        this.directory = directory;
    }

    synchronized Found read() {
        List<Seen> now;
        try {
            now = look();
        } catch (NoSuchFileException | NotDirectoryException e) {
            now = List.of();
        } catch (IOException e) {
            found = null;
            return new Found.Nothing(
                    "CniConfigUnreadable",
                    "can't read " + directory + ": " + e.getMessage() + ". Check its permissions");
        }
        Found before = found;
        if (before != null && now.equals(known)) {
            return before;
        }
        Found after = load(now.stream().map(Seen::file).toList());
        known = now;
        found = after;
        return after;
    }

    private List<Seen> look() throws IOException {
        List<Seen> all = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.filter(ConfDirectory::counts).sorted().toList()) {
                BasicFileAttributes attributes = attributes(file);
                if (attributes != null && attributes.isRegularFile()) {
                    all.add(new Seen(file, attributes.lastModifiedTime(), attributes.size(), attributes.fileKey()));
                }
            }
        }
        return all;
    }

    /** Null if the file is gone again. */
    private static @Nullable BasicFileAttributes attributes(Path file) throws IOException {
        try {
            return Files.readAttributes(file, BasicFileAttributes.class);
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    private static boolean counts(Path file) {
        String name = file.getFileName().toString();
        return ENDINGS.stream().anyMatch(name::endsWith);
    }

    private Found load(List<Path> files) {
        String wrong = "";
        for (Path file : files) {
            try {
                NetworkList list = parse(file);
                LOG.info("pods use network {} of {}", list.name(), file);
                return new Found.Network(list, wrong);
            } catch (IOException | IllegalArgumentException e) {
                LOG.warn("CNI config {} is left out: {}", file, e.getMessage());
                wrong = wrong.isEmpty() ? file + " is left out: " + e.getMessage() : wrong;
            }
        }
        if (wrong.isEmpty()) {
            return new Found.Nothing(
                    "NoCniConfig",
                    "no network config found in " + directory
                            + ". Install a CNI network, which puts its .conflist there,"
                            + " or set network.mode = \"builtin\"");
        }
        return new Found.Nothing("BrokenCniConfig", wrong + ". Correct or remove the file");
    }

    private static NetworkList parse(Path file) throws IOException {
        if (Files.size(file) > LARGEST_BYTES) {
            throw new IllegalArgumentException("it is larger than " + LARGEST_BYTES + " bytes");
        }
        return NetworkList.parse(Files.readAllBytes(file));
    }
}

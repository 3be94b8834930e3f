package dev.berth.shim;

import dev.berth.shim.ProcessRecord.Streams;
import dev.berth.shim.runtime.CheckpointImages.Outside;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;

/** Which of the FIFOs that were given to a container its processes have open, and through which mount of the node. */
final class OutsideStreams {
    private static final Path PROC = Path.of("/proc");
    private static final String MOUNT = "mnt_id:";

    /** What makes an inode one: its device and its number. */
    private record Inode(long device, long number) {
        static Inode of(Path path) throws IOException {
            return new Inode(number(path, "unix:dev"), number(path, "unix:ino"));
        }

        private static long number(Path path, String attribute) throws IOException {
            return ((Number) Objects.requireNonNull(Files.getAttribute(path, attribute))).longValue();
        }
    }

    private OutsideStreams() {}

    /** The FIFOs by the number of the standard stream that they are. */
    static Map<Integer, Outside> of(Streams streams, Set<Integer> pids) throws IOException {
        Map<Inode, Integer> ours = new HashMap<>();
        List<String> paths = List.of(streams.stdin(), streams.stdout(), streams.stderr());
        for (int number = 0; number < paths.size(); number++) {
            Path path = Path.of(paths.get(number));
            if (!streams.terminal() && path.isAbsolute() && Files.exists(path)) {
                ours.put(Inode.of(path), number);
            }
        }
        Map<Integer, Outside> found = new TreeMap<>();
        for (int pid : pids) {
            look(PROC.resolve(Integer.toString(pid)), ours, found);
        }
        return found;
    }

    private static void look(Path process, Map<Inode, Integer> ours, Map<Integer, Outside> found) throws IOException {
        try (DirectoryStream<Path> open = Files.newDirectoryStream(process.resolve("fd"))) {
            for (Path each : open) {
                lookAt(process, each, ours, found);
            }
        } catch (NoSuchFileException ended) {
            return; // it has none open any more
        } catch (DirectoryIteratorException e) {
            if (isThere(process)) {
                throw e.getCause();
            }
        }
    }

    private static void lookAt(Path process, Path open, Map<Inode, Integer> ours, Map<Integer, Outside> found)
            throws IOException {
        try {
            Inode inode = Inode.of(open);
            Integer number = ours.get(inode);
            if (number != null) {
                Path info = process.resolve("fdinfo").resolve(String.valueOf(open.getFileName()));
                int mount = mount(info);
                if (Inode.of(open).equals(inode)) { // else the number was given to another file in between
                    found.putIfAbsent(number, new Outside(mount, inode.number()));
                }
            }
        } catch (IOException e) {
            if (isThere(open)) { // else it was closed in between, of which a read only says that there is no such file
                throw e;
            }
        }
    }

    private static boolean isThere(Path path) {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    }

    private static int mount(Path info) throws IOException {
        return Files.readAllLines(info).stream()
                .filter(line -> line.startsWith(MOUNT))
                .mapToInt(
                        line -> Integer.parseInt(line.substring(MOUNT.length()).strip()))
                .findFirst()
                .orElseThrow(() -> new IOException(info + " names no mount"));
    }
}

package dev.berth.snapshots;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The permission bits that this process does not give to new files. Nobody changes it while it runs. */
final class Umask {
    private static final int BITS = read();

    private Umask() {}

    /** Whether a file that is made with these permissions has them then. */
    static boolean leaves(int permissions) {
        return (permissions & (07000 | BITS)) == 0;
    }

    private static int read() {
        try {
            return Files.readAllLines(Path.of("/proc/self/status")).stream()
                    .filter(line -> line.startsWith("Umask:"))
                    .map(line ->
                            Integer.parseInt(line.substring("Umask:".length()).strip(), 8))
                    .findFirst()
                    .orElse(0777);
        } catch (IOException e) {
            return 0777; // then every mode is set by its own call
        }
    }
}

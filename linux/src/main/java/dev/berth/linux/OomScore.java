package dev.berth.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How willingly the kernel kills a process when memory runs out: -1000 (never) to 1000. */
public final class OomScore {
    private static final int CAP_SYS_RESOURCE = 24;

    private OomScore() {}

    /**
     * The nearest value that a process of ours may get. Without CAP_SYS_RESOURCE nobody may go below what he has himself;
     * a runtime that is asked to fails with a message that does not tell.
     */
    public static int clamp(int wanted) throws IOException {
        if (wanted < -1000 || wanted > 1000) {
            throw new IllegalArgumentException("not an oom_score_adj: " + wanted);
        }
        return mayLower() ? wanted : Math.max(wanted, of(ProcessHandle.current().pid()));
    }

    /** The value that a process has. */
    public static int of(long pid) throws IOException {
        return Integer.parseInt(Files.readString(path(pid)).strip());
    }

    /** Gives a process the nearest value that it may get, and returns that. */
    public static int set(long pid, int wanted) throws IOException {
        int value = clamp(wanted);
        Files.writeString(path(pid), Integer.toString(value));
        return value;
    }

    private static boolean mayLower() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("CapEff:")) {
                long effective = Long.parseUnsignedLong(
                        line.substring("CapEff:".length()).strip(), 16);
                return (effective & 1L << CAP_SYS_RESOURCE) != 0;
            }
        }
        return false;
    }

    private static Path path(long pid) {
        return Path.of("/proc", Long.toString(pid), "oom_score_adj");
    }
}

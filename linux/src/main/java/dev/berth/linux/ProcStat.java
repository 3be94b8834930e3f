package dev.berth.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What /proc/PID/stat says of a process.
 *
 * @param pid the process
 * @param state the letter of its state: R, S, D, Z (ended, not reaped), …
 * @param parent the process id of its parent
 * @param isEnding whether it is on its end, or past it
 * @param startTime clock ticks after boot at which it was started; with the pid it names one process for the time since
 *     boot, as a pid alone does not
 */
public record ProcStat(int pid, char state, int parent, boolean isEnding, long startTime) {
    private static final int STATE = 0;
    private static final int PARENT = 1;
    private static final int FLAGS = 6;
    private static final int START_TIME = 19;
    private static final long EXITING = 0x4; // PF_EXITING

    /** Reads it; empty if there is no such process. */
    public static Optional<ProcStat> of(int pid) throws IOException {
        try {
            // Bytes, not text: the program's name in it may be anything.
            byte[] bytes = Files.readAllBytes(Path.of("/proc", Integer.toString(pid), "stat"));
            return Optional.of(parse(pid, new String(bytes, StandardCharsets.ISO_8859_1)));
        } catch (NoSuchFileException gone) {
            return Optional.empty();
        } catch (IOException e) {
            if (e.getMessage() != null && !Files.exists(Path.of("/proc", Integer.toString(pid)))) {
                return Optional.empty(); // ESRCH: it ended between open and read
            }
            throw e;
        }
    }

    /** The name in parentheses may hold spaces and parentheses itself: the fields start after the last one. */
    static ProcStat parse(int pid, String line) {
        String[] fields = line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
        return new ProcStat(
                pid,
                fields[STATE].charAt(0),
                Integer.parseInt(fields[PARENT]),
                (Long.parseLong(fields[FLAGS]) & EXITING) != 0,
                Long.parseLong(fields[START_TIME]));
    }

    /** Whether it has ended and waits to be reaped. */
    public boolean isZombie() {
        return state == 'Z' || state == 'X';
    }
}

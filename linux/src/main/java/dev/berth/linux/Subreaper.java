package dev.berth.linux;

import java.io.IOException;
import java.lang.invoke.MethodHandle;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Being the parent of orphans: processes below us whose own parent has ended become our children, as a container's init
 * does when the runtime that made it exits.
 *
 * <p>Whoever knows a process reaps it through its {@link Pidfd}. Nothing here reaps what it was not told to: {@link #ended()}
 * only looks, so that no exit status is stolen.
 */
public final class Subreaper {
    private static final int PR_SET_CHILD_SUBREAPER = 36;
    private static final int P_PID = 1;

    private static final MethodHandle PRCTL =
            Native.variadic("prctl", 1, Native.INT, Native.INT, Native.LONG, Native.LONG, Native.LONG, Native.LONG);

    private Subreaper() {}

    /** Makes this process the parent of its orphaned descendants from now on. */
    public static void enable() throws LinuxException {
        Native.call("become a subreaper", (memory, errno) ->
                (int) PRCTL.invokeExact(errno, PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L));
    }

    /** The children of this process, running or ended. */
    public static List<Integer> children() throws IOException {
        List<Integer> children = new ArrayList<>();
        try (DirectoryStream<Path> threads = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
            for (Path thread : threads) {
                for (String pid : childrenOf(thread).split(" ", -1)) {
                    if (!pid.isBlank()) {
                        children.add(Integer.valueOf(pid.strip()));
                    }
                }
            }
        }
        return children;
    }

    private static String childrenOf(Path thread) throws IOException {
        try {
            return Files.readString(thread.resolve("children"));
        } catch (NoSuchFileException ended) {
            return ""; // its children are another thread's now, or come with the next look
        } catch (IOException e) {
            if (Files.exists(thread)) {
                throw e;
            }
            return "";
        }
    }

    /** Children that have ended and were not reaped yet; they stay so. */
    public static List<Integer> ended() throws IOException {
        List<Integer> ended = new ArrayList<>();
        for (int pid : children()) {
            if (ProcStat.of(pid).filter(ProcStat::isZombie).isPresent()) {
                ended.add(pid);
            }
        }
        return ended;
    }

    /**
     * Takes the exit status of a child by number, for orphans that nobody has a {@link Pidfd} of. The number of a child
     * cannot be used again before this.
     *
     * @return empty if it is still running
     * @throws LinuxException ECHILD if it is no child of ours (any more)
     */
    public static Optional<ExitStatus> reap(int pid) throws LinuxException {
        return Pidfd.waitid(P_PID, pid, pid);
    }
}

package dev.berth.linux;

import java.lang.invoke.MethodHandle;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Signal numbers (the same on x86-64 and arm64) and their names; sending by number where there is no {@link Pidfd}. */
public final class Signals {
    public static final int HUP = 1;
    public static final int INT = 2;
    public static final int QUIT = 3;
    public static final int KILL = 9;
    public static final int TERM = 15;
    public static final int CONT = 18;
    public static final int STOP = 19;
    public static final int WINCH = 28;

    /** The highest real-time signal. */
    public static final int LAST = 64;

    private static final int RTMIN = 34;

    private static final MethodHandle KILL_CALL = Native.withErrno("kill", Native.INT, Native.INT, Native.INT);

    private static final Map<String, Integer> NUMBERS = Map.ofEntries(
            Map.entry("HUP", 1),
            Map.entry("INT", 2),
            Map.entry("QUIT", 3),
            Map.entry("ILL", 4),
            Map.entry("TRAP", 5),
            Map.entry("ABRT", 6),
            Map.entry("IOT", 6),
            Map.entry("BUS", 7),
            Map.entry("FPE", 8),
            Map.entry("KILL", 9),
            Map.entry("USR1", 10),
            Map.entry("SEGV", 11),
            Map.entry("USR2", 12),
            Map.entry("PIPE", 13),
            Map.entry("ALRM", 14),
            Map.entry("TERM", 15),
            Map.entry("STKFLT", 16),
            Map.entry("CHLD", 17),
            Map.entry("CONT", 18),
            Map.entry("STOP", 19),
            Map.entry("TSTP", 20),
            Map.entry("TTIN", 21),
            Map.entry("TTOU", 22),
            Map.entry("URG", 23),
            Map.entry("XCPU", 24),
            Map.entry("XFSZ", 25),
            Map.entry("VTALRM", 26),
            Map.entry("PROF", 27),
            Map.entry("WINCH", 28),
            Map.entry("IO", 29),
            Map.entry("POLL", 29),
            Map.entry("PWR", 30),
            Map.entry("SYS", 31),
            Map.entry("RTMIN", RTMIN),
            Map.entry("RTMAX", LAST));

    private Signals() {}

    /**
     * Reads a signal as image configs and users write it: {@code SIGTERM}, {@code term}, {@code 15},
     * {@code SIGRTMIN+3}, {@code RTMAX-1}.
     *
     * @return empty if it means nothing
     */
    public static Optional<Integer> parse(String text) {
        String name = text.strip().toUpperCase(Locale.ROOT);
        if (name.matches("\\d{1,2}")) {
            return inRange(Integer.parseInt(name));
        }
        name = name.startsWith("SIG") ? name.substring(3) : name;
        if (name.matches("RTMIN\\+\\d{1,2}")) {
            return realTime(RTMIN + Integer.parseInt(name.substring(6)));
        }
        if (name.matches("RTMAX-\\d{1,2}")) {
            return realTime(LAST - Integer.parseInt(name.substring(6)));
        }
        return Optional.ofNullable(NUMBERS.get(name));
    }

    private static Optional<Integer> inRange(int number) {
        return number >= 1 && number <= LAST ? Optional.of(number) : Optional.empty();
    }

    private static Optional<Integer> realTime(int number) {
        return number >= RTMIN && number <= LAST ? Optional.of(number) : Optional.empty();
    }

    /**
     * Sends a signal by number. Only for a process that cannot have been reaped since the number was learnt, or a process
     * group (negative): otherwise use {@link Pidfd#signal}.
     *
     * @param signal the signal; 0 only asks whether the process exists
     * @return false if there is no such process
     */
    public static boolean send(int pid, int signal) throws LinuxException {
        if (pid == 0 || pid == -1) {
            throw new IllegalArgumentException("that would signal ourselves or everybody: " + pid);
        }
        try {
            Native.call("send signal " + signal + " to process " + pid, (memory, errno) ->
                    (int) KILL_CALL.invokeExact(errno, pid, signal));
            return true;
        } catch (LinuxException e) {
            if (e.is(Errno.ESRCH)) {
                return false;
            }
            throw e;
        }
    }
}

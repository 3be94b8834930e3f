package dev.berth.shim.stdio;

import dev.berth.linux.Child;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Pidfd;
import dev.berth.linux.ProcStat;
import dev.berth.linux.Signals;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A process that does nothing but hold descriptors, so that they stay open while there is no supervisor: without it a
 * terminal would hang up, and a standard input would end. The next supervisor takes them back from it.
 *
 * <p>Nothing is written down about it: its environment says whose it is, and {@link #findAll} reads that, of
 * those that cannot be anybody else's.
 */
final class Holder implements AutoCloseable {
    /** The numbers under which it holds what was given, in that order. */
    static final int FIRST = 3;

    private static final Logger LOG = LoggerFactory.getLogger(Holder.class);
    private static final Path SELF = Path.of("/proc/self");

    /** What the kernel appends to the name of a program whose file was replaced or removed. */
    private static final String DELETED = " (deleted)";

    private static final String MARK = "BERTH_HOLDER";
    private static final Duration LIMIT = Duration.ofSeconds(2);

    /** Sixty-eight years; "infinity" is not known to every sleep. */
    private static final String FOR_EVER = Integer.toString(Integer.MAX_VALUE);

    private static final List<Path> PROGRAMS =
            List.of(Path.of("/usr/bin/sleep"), Path.of("/bin/sleep"), Path.of("/bin/busybox"));

    private final Pidfd process;

    private Holder(Pidfd process) {
        this.process = process;
    }

    /**
     * Starts one.
     *
     * @param owner tells this supervisor's holders, and those of the ones before it, from others
     * @param name whose descriptors it holds
     * @return empty, with a word in the log, if this machine has no sleep
     */
    static Optional<Holder> start(String owner, String name, List<Fd> held) throws LinuxException {
        Optional<Path> program = PROGRAMS.stream().filter(Files::isExecutable).findFirst();
        if (program.isEmpty()) {
            LOG.warn("{}: its terminal or input will end with the supervisor: there is no /usr/bin/sleep", name);
            return Optional.empty();
        }
        Child.Command command = Child.command(program.get(), List.of("sleep", FOR_EVER))
                .environment(Map.of(MARK, owner + ":" + name))
                .directory(Path.of("/"))
                .newSession();
        for (int i = 0; i < held.size(); i++) {
            command.descriptor(FIRST + i, held.get(i));
        }
        return Optional.of(new Holder(command.spawn().pidfd()));
    }

    /** The holders that live, by name; whoever gets one closes it. */
    static Map<String, Holder> findAll(String owner) throws IOException {
        String wanted = MARK + "=" + owner + ":";
        Map<String, Holder> found = new HashMap<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path each : processes) {
                find(each, wanted, found);
            }
        }
        return found;
    }

    private static void find(Path proc, String wanted, Map<String, Holder> found) throws LinuxException {
        Optional<String> mark = mark(proc, wanted);
        if (mark.isEmpty()) {
            return;
        }
        try {
            Pidfd process = Pidfd.open(Integer.parseInt(proc.getFileName().toString()));
            // Read again: only now can the number not pass to another process in between.
            if (mark.equals(mark(proc, wanted)) && isOurs(proc)) {
                keepOlder(mark.get(), new Holder(process), found);
            } else {
                process.close();
            }
        } catch (LinuxException e) {
            if (!e.is(Errno.ESRCH)) {
                throw e;
            }
        }
    }

    private static Optional<String> mark(Path proc, String wanted) {
        try {
            String environment = new String(Files.readAllBytes(proc.resolve("environ")), StandardCharsets.UTF_8);
            return environment.startsWith(wanted)
                    ? Optional.of(environment.substring(wanted.length()).replace("\0", ""))
                    : Optional.empty();
        } catch (IOException e) {
            return Optional.empty(); // gone, or a stranger's
        }
    }

    /**
     * Whether a process that says so can be one that a supervisor of this node has started. What an environment says can be
     * said in any container too, and what such a process holds would be taken for a container's terminal; but from a
     * container nobody gets into our namespaces as our user with our program.
     */
    private static boolean isOurs(Path proc) {
        try {
            for (String kind : List.of("mnt", "pid", "user")) {
                Path name = Path.of("ns", kind);
                if (!Files.readSymbolicLink(proc.resolve(name)).equals(Files.readSymbolicLink(SELF.resolve(name)))) {
                    LOG.warn("{} says that it is a holder of ours, from another {} namespace: ignored", proc, kind);
                    return false;
                }
            }
            if (!users(proc).equals(users(SELF)) || !isProgram(Files.readSymbolicLink(proc.resolve("exe")))) {
                LOG.warn("{} says that it is a holder of ours, and is not: ignored", proc);
                return false;
            }
            return true;
        } catch (IOException e) {
            LOG.debug("{} has gone, or is a stranger's", proc, e);
            return false;
        }
    }

    /** All four user ids. */
    private static String users(Path proc) throws IOException {
        try (Stream<String> lines = Files.lines(proc.resolve("status"), StandardCharsets.ISO_8859_1)) {
            return lines.filter(line -> line.startsWith("Uid:"))
                    .findFirst()
                    .orElseThrow(() -> new IOException(proc + " has no user"));
        }
    }

    private static boolean isProgram(Path executable) {
        String path = executable.toString();
        // The machine may have got a newer one since.
        String name = path.endsWith(DELETED) ? path.substring(0, path.length() - DELETED.length()) : path;
        return PROGRAMS.stream().anyMatch(program -> {
            try {
                return program.toRealPath().toString().equals(name);
            } catch (IOException notHere) {
                return false;
            }
        });
    }

    /** A supervisor starts one for each name; of two, the later one is somebody's imitation. */
    private static void keepOlder(String name, Holder one, Map<String, Holder> found) {
        Holder other = found.get(name);
        if (other == null) {
            found.put(name, one);
            return;
        }
        boolean older = one.startTime() < other.startTime();
        LOG.warn("there are two holders for {}: {} and {}; the older one is used", name, other.process, one.process);
        found.put(name, older ? one : other);
        (older ? other : one).close();
    }

    private long startTime() {
        try {
            return ProcStat.of(process.pid()).map(ProcStat::startTime).orElse(Long.MAX_VALUE);
        } catch (IOException e) {
            return Long.MAX_VALUE; // gone
        }
    }

    /** A descriptor of our own for what it holds. */
    Fd take(int index) throws LinuxException {
        return process.getfd(FIRST + index);
    }

    /** Ends it; what it held is closed when this returns. Calling it again is harmless. */
    void end() {
        if (process.fd().isClosed()) {
            return;
        }
        try (process) {
            process.signal(Signals.KILL);
            process.awaitExit(LIMIT);
            process.reap();
        } catch (LinuxException e) {
            if (!e.is(Errno.ECHILD)) { // started by an earlier supervisor, so somebody else's child now
                LOG.warn("holder {} does not end", process, e);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Lets go of it; it holds on. */
    @Override
    public void close() {
        process.close();
    }
}

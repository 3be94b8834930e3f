package dev.berth.linux.cgroup;

import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Signals;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * One cgroup in all hierarchies. A handle is only a path: it holds nothing open and needs no closing.
 *
 * <p>{@link #create()}, limits, {@link #attach}, and in the end {@link #kill} and {@link #remove}; each may be repeated.
 */
public abstract sealed class Cgroup permits CgroupV1, CgroupV2 {
    private static final int ATTEMPTS = 3;
    private static final Pauses PAUSES = new Pauses(Duration.ofMillis(1), Duration.ofMillis(50));
    private static final int SELF = (int) ProcessHandle.current().pid();

    private final String path;
    private final Ticker ticker;

    Cgroup(String path, Ticker ticker) {
        this.path = path;
        this.ticker = ticker;
    }

    /** The path below the root of the hierarchies, as {@code /proc/PID/cgroup} shows it. */
    public final String path() {
        return path;
    }

    /** The directories of this cgroup, one for each hierarchy. */
    abstract Collection<Path> directories();

    /** The directories that somebody may have made for it, ours and those of a runtime. */
    abstract Collection<Path> leftovers();

    /** The directory whose {@code cgroup.procs} counts. */
    abstract Path membership();

    /** Whether it is there in at least one hierarchy. */
    public final boolean exists() {
        return leftovers().stream().anyMatch(Files::isDirectory);
    }

    /** Makes the cgroup and what is missing above it, ready to be joined. What was made is taken back if it fails. */
    public final void create() throws IOException {
        for (int attempt = 1; ; attempt++) {
            try {
                make();
                return;
            } catch (NoSuchFileException e) { // somebody else found the parent empty and removed it
                if (attempt == ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    abstract void make() throws IOException;

    /**
     * Sets limits; those left at 0 stay as they are. Huge pages without their controller are passed over, since kubelets name
     * them everywhere.
     *
     * @throws IOException if the host lacks a controller that is needed, or the kernel refuses a value
     */
    public abstract void limit(CgroupLimits limits) throws IOException;

    /**
     * Sets which devices may be used. Before anybody is in it: the kernel does not take a device back.
     *
     * @return false on version 2, which has no list: there the OCI runtime loads an eBPF program made from its spec
     */
    public abstract boolean devices(List<DeviceRule> rules) throws IOException;

    /** Moves a process with all its threads in. On a quiet host this waits 8 to 16 ms for an RCU grace period. */
    public abstract void attach(int pid) throws IOException;

    /**
     * Moves the calling platform thread alone in, at once; what it spawns is born inside. Meant for a thread that ends soon
     * after: nothing moves it back. Until it has ended, {@link #freeze} and {@link #kill} wait, since a thread of ours that
     * stood still would stop the whole JVM at its next safepoint.
     *
     * @throws UnsupportedOperationException on version 2 ({@link Cgroups#threadsMoveAlone()} is false), or on a virtual
     *     thread, whose carrier would be moved
     */
    public abstract void attachThisThread() throws IOException;

    /** The counters of this cgroup and all below it. */
    public abstract CgroupStats stats() throws IOException;

    /**
     * Processor time, memory, swap, the number of tasks, and where the kernel tells it how long tasks waited; all else reads
     * as nothing. A few files in the place of forty: this is for who asks about all containers of a host every few seconds.
     *
     * @throws java.nio.file.NoSuchFileException if it is gone
     */
    public abstract CgroupStats usage() throws IOException;

    /** How many processes in it (or below) the kernel has killed for lack of memory. 0 if it is gone. */
    public abstract long oomKills() throws IOException;

    /**
     * Begins to watch for kills by the kernel for lack of memory.
     *
     * @throws IOException if it is not there or the host has no memory controller
     */
    public abstract OomWatch watchOom() throws IOException;

    /**
     * Stops every task in it and below from running.
     *
     * @return whether all stand still within the limit; if not, thaw it or try again
     */
    public abstract boolean freeze(Duration limit) throws IOException, InterruptedException;

    public abstract void thaw() throws IOException;

    public abstract boolean frozen() throws IOException;

    /** One round of SIGKILL for everybody. */
    abstract void killRound() throws IOException, InterruptedException;

    /**
     * The processes in it and in all cgroups below, as numbers of our PID namespace; empty if it is gone. We are never among
     * them, even while one of our threads is in.
     */
    public final Set<Integer> pids() throws IOException {
        Set<Integer> pids = members();
        pids.remove(SELF);
        return pids;
    }

    /** Whether a thread of ours is in it or below. */
    final boolean holdsUs() throws IOException {
        return members().contains(SELF);
    }

    private Set<Integer> members() throws IOException {
        Set<Integer> pids = new TreeSet<>();
        for (Path directory : tree(membership())) {
            for (String line : ControlFile.lines(directory.resolve("cgroup.procs"))) {
                int pid = Integer.parseInt(line);
                if (pid > 0) { // 0: a process of a namespace that we do not see
                    pids.add(pid);
                }
            }
        }
        return pids;
    }

    /** Sends a signal to every process in it and below. One that has just ended is passed over. */
    public final void signal(int signal) throws IOException {
        for (int pid : pids()) {
            Signals.send(pid, signal);
        }
    }

    /**
     * Kills everything in it and below, also what is frozen or forks as fast as it can.
     *
     * @param limit how long to wait for the last process to be gone
     * @return whether it is empty; a process that waits in the kernel (a dead network disk) can take longer
     */
    public final boolean kill(Duration limit) throws IOException, InterruptedException {
        return until(limit, () -> {
            if (holdsUs()) {
                return false;
            }
            if (pids().isEmpty()) {
                return true;
            }
            killRound();
            return pids().isEmpty();
        });
    }

    final void killAll() throws IOException {
        signal(Signals.KILL);
    }

    /**
     * Removes it and all below it in every hierarchy. Nobody may be in it; the last moments of an exit are waited for.
     *
     * @return whether it is gone
     */
    public final boolean remove(Duration limit) throws IOException, InterruptedException {
        return until(limit, () -> {
            boolean gone = true;
            for (Path directory : leftovers()) {
                gone &= removeTree(directory);
            }
            return gone;
        });
    }

    /** Removes it where nobody and nothing is in it, as a parent that may still serve others. Returns whether it is gone. */
    public final boolean removeIfEmpty() {
        boolean gone = !path.equals("/");
        for (Path directory : leftovers()) {
            gone &= rmdir(directory);
        }
        return gone;
    }

    /** The same, and waits for those in it who are about to end. */
    public final boolean removeIfEmpty(Duration limit) throws IOException, InterruptedException {
        return until(limit, this::removeIfEmpty);
    }

    /**
     * Makes the cgroup and moves a process into it in every tree, on a hybrid host also in the one of version 2: by that one
     * systemd tells whose process it is.
     */
    public final void attachEverywhere(int pid) throws IOException {
        create();
        attach(pid);
        for (Path directory : leftovers()) {
            if (!directories().contains(directory)) {
                Files.createDirectories(directory);
                ControlFile.write(directory.resolve("cgroup.procs"), pid);
            }
        }
    }

    /** A step that may have to be repeated until it is done. */
    interface Attempt {
        boolean done() throws IOException, InterruptedException;
    }

    final boolean until(Duration limit, Attempt attempt) throws IOException, InterruptedException {
        long start = ticker.nanos();
        for (int failures = 1; !attempt.done(); failures++) {
            if (ticker.since(start).compareTo(limit) >= 0) {
                return false;
            }
            ticker.sleep(PAUSES.after(failures));
        }
        return true;
    }

    /** The directory and all below it, parents first; empty if it is gone. */
    static List<Path> tree(Path top) throws IOException {
        List<Path> found = new ArrayList<>();
        if (Files.isDirectory(top, LinkOption.NOFOLLOW_LINKS)) {
            found.add(top);
        }
        for (int i = 0; i < found.size(); i++) {
            found.addAll(children(found.get(i)));
        }
        return found;
    }

    private static List<Path> children(Path parent) throws IOException {
        List<Path> children = new ArrayList<>();
        try (DirectoryStream<Path> entries =
                Files.newDirectoryStream(parent, e -> Files.isDirectory(e, LinkOption.NOFOLLOW_LINKS))) {
            entries.forEach(children::add);
            return children;
        } catch (NoSuchFileException e) {
            return List.of(); // removed while we walk
        }
    }

    private boolean removeTree(Path directory) throws IOException {
        if (path.equals("/")) {
            throw new IllegalStateException("the root cgroup cannot be removed");
        }
        boolean gone = true;
        for (Path each : tree(directory).reversed()) {
            gone &= rmdir(each);
        }
        return gone;
    }

    /** Returns false while the kernel says that it is busy. */
    private static boolean rmdir(Path directory) {
        try {
            Files.deleteIfExists(directory);
            return true;
        } catch (IOException e) {
            return !Files.exists(directory);
        }
    }
}

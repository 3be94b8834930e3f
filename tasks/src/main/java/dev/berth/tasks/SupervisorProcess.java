package dev.berth.tasks;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Child;
import dev.berth.linux.Errno;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Pidfd;
import dev.berth.linux.Poller;
import dev.berth.linux.Signals;
import dev.berth.linux.cgroup.Cgroups;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A supervisor as a process: one that we started, or one that was there before us. */
final class SupervisorProcess implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SupervisorProcess.class);
    private static final long LOG_LIMIT = 8 << 20;
    private static final int LOG_TAIL = 2000;

    /** Long enough to hear of what has been for long. */
    private static final Duration A_MOMENT = Duration.ofMillis(10);

    private final Pidfd pidfd;
    private final Path log;

    private SupervisorProcess(Pidfd pidfd, Path log) {
        this.pidfd = pidfd;
        this.log = log;
    }

    /** Starts one in a session of its own, with a log file of its own, so that it outlives us. */
    static SupervisorProcess start(TasksConfig config, Ticker ticker) throws IOException {
        Path log = config.state().resolve("supervisor.log");
        if (Files.exists(log) && Files.size(log) > LOG_LIMIT) {
            Files.delete(log);
        }
        List<String> argv = new ArrayList<>(config.supervisor());
        argv.addAll(List.of(
                "--state", config.state().toString(), "--root", config.root().toString()));
        Child child;
        try (Fd out = Fd.open(log, Fd.O_WRONLY | Fd.O_CREAT | Fd.O_APPEND, 0600)) {
            child = Child.command(Path.of(argv.getFirst()), argv)
                    .environment(environment())
                    .directory(Path.of("/"))
                    .stdio(null, out, out)
                    .newSession()
                    .spawn();
        }
        LOG.info("supervisor {} started", child.pid());
        var process = new SupervisorProcess(Pidfd.open(child.pid()), log); // before anybody can reap it
        Thread.ofVirtual().name("supervisor reaper").start(() -> reap(child));
        process.leaveOurCgroup(config.supervisorCgroup(), ticker);
        return process;
    }

    /**
     * Takes hold of one that runs; empty if it does not run any more, and if it claims to be a process that cannot be one:
     * what is held here may be killed later, so never ourselves and never the init of the machine.
     */
    static Optional<SupervisorProcess> running(int pid, TasksConfig config) throws IOException {
        if (pid <= 1 || pid == ProcessHandle.current().pid()) {
            LOG.warn(
                    "the supervisor says that it is process {}, which it cannot be: it is used, but never killed", pid);
            return Optional.empty();
        }
        try {
            return Optional.of(
                    new SupervisorProcess(Pidfd.open(pid), config.state().resolve("supervisor.log")));
        } catch (LinuxException e) {
            if (e.is(Errno.ESRCH)) {
                return Optional.empty();
            }
            throw e;
        }
    }

    int pid() {
        return pidfd.pid();
    }

    /** Waits for its end; true if it has ended. */
    boolean awaitEnd(Duration limit) throws IOException, InterruptedException {
        return pidfd.awaitExit(limit);
    }

    /** Whether it has ended, reaped or not. */
    boolean hasEnded() throws IOException, InterruptedException {
        return pidfd.awaitExit(A_MOMENT);
    }

    /** Tells it to go. */
    void end() throws IOException {
        pidfd.signal(Signals.TERM);
    }

    /** @throws IOException if not even that ends it */
    void killAndAwait() throws IOException, InterruptedException {
        pidfd.signal(Signals.KILL);
        if (!awaitEnd(Deadlines.SHIM_STOP)) {
            throw new IOException("supervisor " + pid() + " cannot be killed; it hangs in the kernel");
        }
    }

    /** The last lines that it said. */
    String lastWords() {
        try {
            byte[] all = Files.readAllBytes(log);
            int from = Math.max(0, all.length - LOG_TAIL);
            return new String(all, from, all.length - from, StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            return "its log cannot be read: " + e;
        }
    }

    /** Lets go of it; it runs on. */
    @Override
    public void close() {
        pidfd.close();
    }

    /** Moves it to where it survives us; harmless if it is there. */
    void leaveOurCgroup(String cgroup, Ticker ticker) {
        if (cgroup.isEmpty()) {
            return;
        }
        try {
            Path membership = Path.of("/proc", Integer.toString(pid()), "cgroup");
            if (!Files.readAllLines(membership).stream().allMatch(line -> line.endsWith(":" + cgroup))) {
                Cgroups.detect(ticker).cgroup(cgroup).attachEverywhere(pid());
            }
        } catch (IOException e) {
            LOG.warn("supervisor {} stays in the daemon's cgroup: what ends that one ends both", pid(), e);
        }
    }

    private static void reap(Child child) {
        try (child) {
            ExitStatus status = child.await(Poller.FOREVER).orElseThrow();
            LOG.info("supervisor {} ended: {}", child.pid(), status);
        } catch (IOException e) {
            LOG.debug("supervisor {} is no child any more", child.pid(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static Map<String, String> environment() {
        var own = System.getenv();
        Map<String, String> kept = new HashMap<>();
        for (String name : List.of("PATH", "JAVA_HOME", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "MALLOC_ARENA_MAX")) {
            String value = own.get(name);
            if (value != null) {
                kept.put(name, value);
            }
        }
        kept.putIfAbsent("LC_ALL", "C.UTF-8");
        kept.putIfAbsent("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        return kept;
    }
}

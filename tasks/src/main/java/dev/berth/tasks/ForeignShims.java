package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Poller;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The foreign shims of this node: starts them, shares the connection of those that serve several tasks, finds them again
 * after a restart, cleans up after those that died.
 */
final class ForeignShims implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ForeignShims.class);
    private static final Logger SHIM_LOG = LoggerFactory.getLogger("dev.berth.tasks.shimlog");

    private final TasksConfig config;
    private final Bundles bundles;
    private final Bootstrap bootstrap;
    private final Ticker ticker;
    private final InstantSource clock;
    private final Consumer<TaskEvent> events;

    private volatile boolean closed;

    /** Guards the maps. */
    private final Object lock = new Object();

    private final Map<Path, ForeignShim> bySocket = new HashMap<>();
    private final Map<TaskId, ForeignShim> byTask = new HashMap<>();
    private final Map<TaskId, Fd> logs = new HashMap<>();

    ForeignShims(TasksConfig config, Bundles bundles, Ticker ticker, InstantSource clock, Consumer<TaskEvent> events) {
        this.config = config;
        this.bundles = bundles;
        this.bootstrap = new Bootstrap(config);
        this.ticker = ticker;
        this.clock = clock;
        this.events = events;
    }

    /** Starts the shim of a task whose bundle is complete, or joins the one that its program names. */
    ForeignShim start(Handler.Foreign handler, TaskId task) throws IOException, InterruptedException {
        Path bundle = bundles.of(task);
        openLog(task, bundle);
        ShimAddress address = bootstrap.start(handler, task, bundle);
        address.save(bundle);
        return join(task, address);
    }

    /**
     * The shim of a task; empty if the task belongs to our supervisor.
     *
     * @throws Fault UNAVAILABLE if it has a shim that cannot be reached
     */
    Optional<ForeignShim> find(TaskId task) {
        synchronized (lock) {
            ForeignShim known = byTask.get(task);
            if (known != null) {
                return Optional.of(known);
            }
        }
        try {
            ShimAddress address = ShimAddress.load(bundles.of(task));
            if (address == null) {
                return Optional.empty();
            }
            openLog(task, bundles.of(task));
            return Optional.of(join(task, address));
        } catch (IOException e) {
            throw Fault.unavailable("reach the shim of " + task, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** Ends a task's membership after its Delete was answered; the last one ends the shim. */
    void leave(TaskId task, ForeignShim shim) throws IOException, InterruptedException {
        closeLog(task);
        boolean last;
        synchronized (lock) {
            byTask.remove(task);
            shim.members().remove(task);
            last = shim.members().isEmpty();
            if (last) {
                bySocket.remove(shim.address().socket(), shim);
            }
        }
        if (last) {
            shim.end(task);
        }
    }

    /** Undoes a start that did not come to its end, however far it came. */
    void abandon(TaskId task) throws IOException, InterruptedException {
        ForeignShim shim;
        synchronized (lock) {
            shim = byTask.get(task);
        }
        if (shim != null) {
            leave(task, shim);
        }
        if (ShimAddress.load(bundles.of(task)) != null) {
            cleanUp(task);
        }
        closeLog(task);
    }

    /** Removes what the dead shim of a task left, by its program's own verb, which did not see the end of it either. */
    Exit cleanUp(TaskId task) throws IOException, InterruptedException {
        closeLog(task);
        ShimAddress address = ShimAddress.load(bundles.of(task));
        if (address == null) {
            return lost();
        }
        try {
            Exit exit = new ShimProgram(address.program(), config).delete(task, bundles.of(task));
            return exit.at().equals(Instant.EPOCH) ? lost() : Exit.unknown(exit.at());
        } catch (Fault e) {
            LOG.warn("{}: its shim's program could not clean up: {}", task, e.getMessage());
            return lost();
        }
    }

    /** Lets go of all shims, which run on. */
    @Override
    public void close() {
        closed = true;
        Set<ForeignShim> all;
        synchronized (lock) {
            logs.values().forEach(Fd::close);
            logs.clear();
            all = Set.copyOf(bySocket.values());
            bySocket.clear();
            byTask.clear();
        }
        all.forEach(ForeignShim::close);
    }

    private ForeignShim join(TaskId task, ShimAddress address) throws IOException {
        synchronized (lock) {
            ForeignShim shim = bySocket.get(address.socket());
            if (shim == null || !shim.isOpen()) {
                ForeignShim fresh = ForeignShim.connect(address, ticker);
                bySocket.put(address.socket(), fresh);
                Thread.ofVirtual().name("shim watch " + task.id()).start(() -> watch(fresh));
                shim = fresh;
            }
            shim.members().add(task);
            byTask.put(task, shim);
            return shim;
        }
    }

    /** Waits for the end of a shim; if it was an accident, its tasks have ended too. */
    private void watch(ForeignShim shim) {
        try {
            shim.awaitClosed();
            if (shim.isLeaving()) {
                return;
            }
            Set<TaskId> orphans;
            synchronized (lock) {
                bySocket.remove(shim.address().socket(), shim);
                orphans = Set.copyOf(shim.members());
                orphans.forEach(byTask::remove);
            }
            LOG.warn(
                    "shim {} is gone without being told to; its tasks: {}",
                    shim.address().socket(),
                    orphans);
            bury(shim);
            // Side by side: one that cannot be cleaned up or told must not keep the others' ends from being told.
            for (TaskId task : orphans) {
                Thread.ofVirtual().name("end of " + task.id()).start(() -> tellEnd(task));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void bury(ForeignShim shim) throws InterruptedException {
        try {
            shim.kill(); // the connection may be all that died
            shim.removeSocket(); // its program's delete verb leaves it
        } catch (IOException | RuntimeException e) {
            LOG.error("cleaning up after shim {}", shim.address().socket(), e);
        }
    }

    private void tellEnd(TaskId task) {
        try {
            Exit exit = cleanUpOrLost(task);
            Delivery.to(events, new TaskEvent.Exited(task, clock.instant(), "", 0, exit), ticker, () -> closed);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Exit cleanUpOrLost(TaskId task) throws InterruptedException {
        try {
            return cleanUp(task);
        } catch (IOException | RuntimeException e) {
            LOG.error("{}: cleaning up after its shim", task, e);
            return lost();
        }
    }

    private Exit lost() {
        return Exit.unknown(clock.instant());
    }

    /** A shim opens this FIFO for writing when it starts and would wait for ever if nobody read it. */
    private void openLog(TaskId task, Path bundle) throws IOException {
        Path path = bundle.resolve("log");
        try {
            Fifo.create(path, 0600);
        } catch (LinuxException e) {
            if (!e.is(Errno.EEXIST)) {
                throw e;
            }
        }
        Fd fd = Fifo.openBoth(path);
        closeLog(task);
        synchronized (lock) {
            logs.put(task, fd);
        }
        Thread.ofVirtual().name("shim log " + task.id()).start(() -> copyLog(task, fd));
    }

    private void closeLog(TaskId task) {
        Fd fd;
        synchronized (lock) {
            fd = logs.remove(task);
        }
        if (fd != null) {
            fd.close();
        }
    }

    private static void copyLog(TaskId task, Fd fd) {
        byte[] buffer = new byte[8192];
        try (fd) {
            while (Poller.awaitReadable(fd, Poller.FOREVER)) {
                int n = fd.read(buffer);
                if (n > 0) {
                    SHIM_LOG.info("{}: {}", task, new String(buffer, 0, n, StandardCharsets.UTF_8).strip());
                }
            }
        } catch (IOException e) {
            LOG.trace("the log of the shim of {} is closed", task, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

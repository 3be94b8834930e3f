package dev.berth.tasks;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.ttrpc.TtrpcClient;
import dev.berth.ttrpc.TtrpcStatus;
import dev.berth.wire.shim.supervisor.InfoRequest;
import dev.berth.wire.shim.supervisor.InfoResponse;
import dev.berth.wire.shim.supervisor.ShutdownRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps one supervisor running and one connection to it open: finds the one that is there, starts one if there is none,
 * replaces one of another version or one that no longer answers. What ran under the old one is adopted by the new one; that
 * is the supervisor's own work.
 */
final class Supervisor implements Link, AutoCloseable {
    static final String SERVICE = "dev.berth.supervisor.v1.Supervisor";

    private static final Logger LOG = LoggerFactory.getLogger(Supervisor.class);
    private static final Duration LOOK_AGAIN = Duration.ofMillis(10);
    private static final Pauses PAUSES = new Pauses(Duration.ofMillis(50), Duration.ofSeconds(5));

    private final TasksConfig config;
    private final Ticker ticker;
    private final Patience patience;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private final Thread keeper;

    private @Nullable TtrpcClient client;
    private @Nullable SupervisorProcess process;
    private String trouble = "it has not been started yet";
    private boolean reachedOne;
    private int silent;
    private final AtomicLong restarts = new AtomicLong();
    private volatile boolean closed;

    private Supervisor(TasksConfig config, Ticker ticker, Patience patience) {
        this.config = config;
        this.ticker = ticker;
        this.patience = patience;
        this.keeper = Thread.ofVirtual().name("supervisor keeper").unstarted(this::keep);
    }

    /** Begins to keep a supervisor; returns at once. */
    static Supervisor keep(TasksConfig config, Ticker ticker, Patience patience) {
        var supervisor = new Supervisor(config, ticker, patience);
        supervisor.keeper.start();
        return supervisor;
    }

    @Override
    public boolean mayMakeUpExits() {
        return true;
    }

    @Override
    public TtrpcClient client(Duration limit) {
        Duration most = limit.compareTo(Deadlines.SUPERVISOR) < 0 ? limit : Deadlines.SUPERVISOR;
        long left = most.toNanos();
        lock.lock();
        try {
            while (client == null || !client.isOpen()) {
                if (left <= 0 || closed) {
                    throw Fault.unavailable(
                            "reach the supervisor",
                            closed ? "the daemon is going down" : trouble,
                            "See " + config.state().resolve("supervisor.log"));
                }
                left = changed.awaitNanos(left);
            }
            return client;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, "reach the supervisor", "the caller was interrupted", "");
        } finally {
            lock.unlock();
        }
    }

    /** How many were started in the place of one that had been reached. */
    long restarts() {
        return restarts.get();
    }

    /** Lets go of the supervisor, which runs on. */
    @Override
    public void close() {
        closed = true;
        keeper.interrupt();
        publish(null);
        try {
            keeper.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (process != null) {
            process.close();
        }
    }

    private void keep() {
        int failures = 0;
        while (!closed) {
            try {
                TtrpcClient reached = reach();
                failures = 0;
                publish(reached);
                reachedOne = true;
                watch(reached);
                publish(null);
                LOG.warn("the supervisor's connection is lost");
            } catch (InterruptedException e) {
                return; // close()
            } catch (IOException | Fault | TtrpcStatus e) {
                tell(String.valueOf(e.getMessage()));
                failures++;
                if (failures == 1) {
                    LOG.debug("no supervisor yet", e); // the socket of one that has just died still answers
                } else {
                    LOG.error("no supervisor, attempt {}", failures, e);
                }
                pause(failures);
            }
        }
    }

    /**
     * Waits until the connection is lost. A supervisor that has stopped answering, twice in a row, is killed; the next one
     * adopts what it had.
     */
    private void watch(TtrpcClient reached) throws IOException, InterruptedException {
        while (!reached.awaitClosed(patience.beforeNext(silent))) {
            try {
                info(reached);
            } catch (TtrpcStatus e) {
                LOG.warn("the supervisor does not answer: {}", e.getMessage());
            }
            endSilent();
        }
    }

    private void endSilent() throws IOException, InterruptedException {
        if (patience.isOver(silent)) {
            silent = 0;
            try (Incumbents there = Incumbents.find(config, process)) {
                there.kill("does not answer any more");
            }
            take(null);
        }
    }

    /** One connection to a supervisor of the right version; starts one if needed. */
    private TtrpcClient reach() throws IOException, InterruptedException {
        endSilent();
        TtrpcClient there = connect();
        if (there == null) {
            there = outlast(process == null ? patience.boot() : Deadlines.SHIM_STOP);
        }
        if (there == null) {
            there = start();
        }
        InfoResponse info = know(there);
        if (!config.version().isEmpty() && !info.getVersion().equals(config.version())) {
            replace(there, info);
            there = start();
            know(there);
        }
        return there;
    }

    /** Asks who it is, and takes hold of its process. */
    private InfoResponse know(TtrpcClient there) throws IOException {
        try {
            InfoResponse info = info(there);
            if (process == null || process.pid() != info.getPid()) {
                take(SupervisorProcess.running(info.getPid(), config).orElse(null));
                if (process != null) {
                    process.leaveOurCgroup(config.supervisorCgroup(), ticker); // its daemon may have died before
                }
            }
            return info;
        } catch (IOException | RuntimeException e) {
            there.close();
            throw e;
        }
    }

    private @Nullable TtrpcClient connect() {
        try {
            return TtrpcClient.connect(config.supervisorSocket(), ticker);
        } catch (IOException nobodyThere) {
            return null;
        }
    }

    /**
     * One that lives but does not listen boots, ends or hangs. It gets some time, then SIGKILL: two on one state must never be.
     *
     * @return a connection to it if it listens at last; null if none is there any more
     */
    private @Nullable TtrpcClient outlast(Duration limit) throws IOException, InterruptedException {
        try (Incumbents there = Incumbents.find(config, process)) {
            long start = ticker.nanos();
            while (!there.awaitEnd(LOOK_AGAIN)) {
                TtrpcClient listens = connect();
                if (listens != null) {
                    return listens;
                }
                if (ticker.since(start).compareTo(limit) >= 0) {
                    there.kill("does not listen");
                }
            }
        }
        take(null);
        return null;
    }

    private void replace(TtrpcClient old, InfoResponse info) throws IOException, InterruptedException {
        LOG.info("supervisor {} has version {}, wanted is {}", info.getPid(), info.getVersion(), config.version());
        SupervisorProcess.running(info.getPid(), config).ifPresent(this::take);
        try {
            old.call(
                    SERVICE, "Shutdown", ShutdownRequest.getDefaultInstance().toByteArray(), Deadlines.QUERY, Map.of());
        } catch (TtrpcStatus e) {
            LOG.debug("it went before it answered", e);
        } finally {
            old.close();
        }
        try (Incumbents there = Incumbents.find(config, process)) {
            there.awaitEndOrKill(Deadlines.SHIM_STOP);
        }
        take(null);
    }

    private TtrpcClient start() throws IOException, InterruptedException {
        if (reachedOne) {
            restarts.incrementAndGet();
        }
        var started = SupervisorProcess.start(config, ticker);
        take(started);
        long start = ticker.nanos();
        while (ticker.since(start).compareTo(Deadlines.SUPERVISOR) < 0) {
            TtrpcClient there = connect();
            if (there != null) {
                return there;
            }
            if (started.awaitEnd(LOOK_AGAIN)) {
                throw new IOException("the supervisor ended at once: " + started.lastWords());
            }
        }
        throw new IOException("supervisor " + started.pid() + " does not listen: " + started.lastWords());
    }

    private InfoResponse info(TtrpcClient there) {
        byte[] answer;
        try {
            answer = there.call(
                    SERVICE, "Info", InfoRequest.getDefaultInstance().toByteArray(), patience.answer(), Map.of());
        } catch (TtrpcStatus e) {
            silent += e.code() == TtrpcStatus.Code.DEADLINE_EXCEEDED ? 1 : 0;
            throw e;
        }
        silent = 0;
        try {
            return InfoResponse.parseFrom(answer);
        } catch (InvalidProtocolBufferException e) {
            throw Fault.internal("ask the supervisor who it is", "its answer cannot be read", "")
                    .causedBy(e);
        }
    }

    private void take(@Nullable SupervisorProcess other) {
        SupervisorProcess old = process;
        process = other;
        if (old != null) {
            old.close();
        }
    }

    private void publish(@Nullable TtrpcClient fresh) {
        lock.lock();
        try {
            if (client != null) {
                client.close();
            }
            client = fresh;
            trouble = "it went away and the next one does not serve yet";
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private void tell(String why) {
        lock.lock();
        try {
            trouble = why;
        } finally {
            lock.unlock();
        }
    }

    private void pause(int failures) {
        try {
            ticker.sleep(PAUSES.after(failures));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            closed = true;
        }
    }
}

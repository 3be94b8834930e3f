package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Meanwhile;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Errno;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Pidfd;
import dev.berth.linux.Poller;
import dev.berth.linux.ProcStat;
import dev.berth.linux.Signals;
import dev.berth.shim.TaskEvents.Happening;
import dev.berth.shim.stdio.ProcessIo;
import dev.berth.shim.stdio.Stdio;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One process of a container, the first or an exec: its state, its streams, and the thread that waits for its end.
 *
 * <p>A change of state happens under the process's lock: it is checked against the table of {@link ProcessState}, written to
 * the ledger together with its event, and only then seen by others. Signals and reads do not take the lock, so that a
 * runtime that hangs cannot keep its container from being killed.
 */
final class TaskProcess {
    /** What all processes share. */
    record Context(Ledger ledger, Outputs outputs, Pins pins, Stdio stdio, OomReports oom, Time time) {}

    /** Wall time and monotonic time. */
    record Time(InstantSource clock, Ticker ticker) {}

    /** Makes the process and returns its id. */
    interface Birth {
        int run() throws InterruptedException;
    }

    /** A step of the runtime that a change of state consists of. */
    interface Step {
        void run() throws InterruptedException;
    }

    private static final Logger LOG = LoggerFactory.getLogger(TaskProcess.class);

    /** How long an exit may wait for the last output to be in the log. */
    private static final Duration DRAIN = Duration.ofSeconds(2);

    /** How long somebody else, who is the parent of a process that was taken over, may take to reap it. */
    private static final Duration STRANGER_REAPS = Duration.ofSeconds(2);

    private static final int LOOKS_WHILE_TRACED = 30_000;
    private static final Duration BEFORE_NEXT_LOOK = Duration.ofMillis(1);
    private static final Duration BEFORE_NEXT_WRITE = Duration.ofSeconds(1);

    private final Context context;
    private final Step atEnd;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private volatile ProcessRecord record;
    private volatile @Nullable Pidfd handle;
    private volatile @Nullable ProcessIo io;

    /**
     * A process.
     *
     * @param atEnd what is to be done when it has ended, before anyone is told
     */
    TaskProcess(ProcessRecord record, Context context, Step atEnd) {
        this.record = record;
        this.context = context;
        this.atEnd = atEnd;
    }

    ProcessRecord record() {
        return record;
    }

    ProcessState state() {
        return record.state();
    }

    /** True from the moment that it has a process id until its end is written down. */
    boolean isAlive() {
        return handle != null && record.exitedAt() == null;
    }

    /** The streams become this object's. */
    void use(ProcessIo streams) {
        io = streams;
    }

    ProcessIo streams() {
        ProcessIo streams = io;
        if (streams == null) {
            throw Fault.precondition("use the streams of " + record.what(), "it has not been started", "");
        }
        return streams;
    }

    /**
     * Makes the process; it does not run its program yet. When this returns its handle is where also the next supervisor finds it.
     */
    void create(Birth birth, Function<ProcessRecord, Happening> event) throws InterruptedException {
        lock.lockInterruptibly();
        var coming = new CompletableFuture<Pidfd>();
        try (var _ = Meanwhile.begin("handle of " + record.what(), () -> keep(coming))) {
            try {
                check(ProcessState.CREATED, "create");
                ProcessRecord made = born(birth.run(), coming::complete).in(ProcessState.CREATED);
                save(made, event.apply(made));
            } finally {
                coming.cancel(false);
            }
        } finally {
            lock.unlock();
        }
        watch();
    }

    /** Makes the process of a container that goes on from a checkpoint; it runs at once. */
    void restore(Birth birth) throws InterruptedException {
        begin(birth);
        keep(CompletableFuture.completedFuture(Objects.requireNonNull(handle)));
        watch();
    }

    /** Lets the program of a created container begin. */
    void start(Step step) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            check(ProcessState.RUNNING, "start");
            step.run();
            ProcessRecord started = record.in(ProcessState.RUNNING);
            save(started, TaskEvents.started(started));
        } finally {
            lock.unlock();
        }
    }

    /** Makes the process of an exec that was announced; its program runs at once. */
    void startExec(Birth birth) throws InterruptedException {
        begin(birth);
        watch();
    }

    private void begin(Birth birth) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            check(ProcessState.RUNNING, "start");
            ProcessRecord started = born(birth.run(), _ -> {}).in(ProcessState.RUNNING);
            saveOrKill(started);
        } finally {
            lock.unlock();
        }
    }

    /** A process that is not written down must not run. */
    private void saveOrKill(ProcessRecord started) {
        try {
            save(started, TaskEvents.started(started));
        } catch (Fault fault) {
            Pidfd process = handle;
            handle = null;
            try (process) {
                if (process != null) {
                    boolean _ = process.signal(Signals.KILL);
                }
            } catch (IOException e) {
                fault.addSuppressed(e);
            }
            throw fault;
        }
    }

    /** Takes over a process that an earlier supervisor made. */
    void adopt() throws InterruptedException {
        if (record.pid() == 0 || record.exitedAt() != null) {
            return;
        }
        Optional<Pidfd> found = context.pins().find(record);
        if (found.isPresent()) {
            handle = found.get();
            keep(CompletableFuture.completedFuture(found.get()));
            watch();
        } else {
            record(Optional.empty(), context.time().clock().instant());
        }
    }

    /** Pauses or resumes. */
    void move(ProcessState next, String verb, Step step, Happening event) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            check(next, verb);
            step.run();
            save(record.in(next), event);
        } finally {
            lock.unlock();
        }
    }

    /**
     * The process is gone with all that belonged to it.
     *
     * @param forget what removes it and its record; runs before anyone sees the new state
     */
    void delete(Step forget) throws InterruptedException {
        lock.lockInterruptibly();
        try {
            check(ProcessState.DELETED, "delete");
            forget.run();
            record = record.in(ProcessState.DELETED);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        close();
    }

    /** Closes the streams and the handle. */
    void close() {
        ProcessIo streams = io;
        if (streams != null) {
            streams.close();
        }
        Pidfd process = handle;
        if (process != null) {
            process.close();
        }
    }

    /**
     * Sends a signal.
     *
     * @throws Fault NOT_FOUND if the process has ended; FAILED_PRECONDITION if it was never made
     */
    void signal(int signal) throws IOException {
        Pidfd process = handle;
        boolean ended = record.exitedAt() != null || state() == ProcessState.DELETED;
        if (process == null && !ended) {
            throw Fault.precondition("kill " + record.what(), "process not created", "Start it first");
        }
        if (ended || process == null || !process.signal(signal)) {
            throw Fault.notFound("kill " + record.what(), "process already finished", "");
        }
    }

    /** Kills the process if it lives, and waits until it has ended or the time is over. */
    void end(Duration limit) throws IOException, InterruptedException {
        if (!isAlive()) {
            return;
        }
        try {
            signal(Signals.KILL);
        } catch (Fault ended) {
            LOG.debug("{} ended by itself", record.what(), ended);
        }
        awaitEnd(limit);
    }

    /**
     * Waits for the end and returns the record with its exit status.
     *
     * @throws Fault NOT_FOUND if the process was deleted without having been run
     */
    ProcessRecord awaitEnd() throws InterruptedException {
        return awaitEnd(Poller.FOREVER);
    }

    /** The record when the process has ended or the time is over. */
    ProcessRecord awaitEnd(Duration limit) throws InterruptedException {
        long nanos = limit.compareTo(Poller.FOREVER) >= 0 ? Long.MAX_VALUE : limit.toNanos();
        lock.lockInterruptibly();
        try {
            while (record.exitedAt() == null && state() != ProcessState.DELETED && nanos > 0) {
                nanos = changed.awaitNanos(nanos);
            }
            if (record.exitedAt() == null && state() == ProcessState.DELETED) {
                throw Fault.notFound("wait for " + record.what(), "it was deleted before it ran", "");
            }
            return record;
        } finally {
            lock.unlock();
        }
    }

    private void check(ProcessState next, String verb) {
        if (!state().mayBecome(next)) {
            String now = state().name().toLowerCase(Locale.ROOT);
            throw Fault.precondition(verb + " " + record.what(), "it is " + now, "");
        }
    }

    private void save(ProcessRecord next, Happening... events) {
        context.ledger().save(next, () -> record = next, events);
        changed.signalAll();
    }

    /** Takes hold of a new process. It is our child, so its number cannot have been given to another. */
    private ProcessRecord born(int pid, Consumer<Pidfd> first) throws InterruptedException {
        try {
            Pidfd process = Pidfd.open(pid);
            handle = process;
            first.accept(process);
            long startTime = ProcStat.of(pid).map(ProcStat::startTime).orElse(0L);
            attach(process);
            return record.made(pid, startTime);
        } catch (IOException e) {
            throw Fault.internal("take hold of process " + pid, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    private void attach(Pidfd process) throws IOException, InterruptedException {
        ProcessIo streams = io;
        if (streams == null) {
            return;
        }
        try {
            streams.attached();
        } catch (IOException e) {
            process.signal(Signals.KILL); // a process that nobody could talk to
            throw e;
        }
    }

    private void watch() {
        Thread.ofVirtual().name("end of " + record.what()).start(this::awaitExit);
    }

    private void awaitExit() {
        Pidfd process = handle;
        if (process == null) {
            return;
        }
        try {
            Optional<ExitStatus> status = awaitStatus(process);
            if (process.fd().isClosed()) {
                return; // this supervisor ends, and the next one waits
            }
            Instant at = context.time().clock().instant();
            attempt("what is to be done at its end is not", atEnd);
            attempt("its output may lack its end", this::drain);
            attempt(
                    "whether it ran out of memory is not known",
                    () -> context.oom().check(record.task()));
            record(status, at);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void keep(Future<Pidfd> coming) throws InterruptedException {
        if (record.isExec()) {
            return;
        }
        try {
            context.pins().keep(record, () -> get(coming).fd());
        } catch (CancellationException e) {
            LOG.debug("{}: there is no process to keep", record.what(), e);
        } catch (RuntimeException e) {
            LOG.error("{}: the next supervisor will not learn how it ended", record.what(), e);
        }
    }

    private static Pidfd get(Future<Pidfd> coming) throws InterruptedException {
        try {
            return coming.get();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e); // it is completed or cancelled, nothing else
        }
    }

    /** The status, which may not be to be had; whatever goes wrong, it returns only when the process has ended. */
    private Optional<ExitStatus> awaitStatus(Pidfd process) throws InterruptedException {
        try {
            process.awaitExit(Poller.FOREVER);
        } catch (IOException | RuntimeException e) {
            if (process.fd().isClosed()) {
                return Optional.empty();
            }
            LOG.error("{}: nobody can wait for it; it is looked at", record.what(), e);
            awaitGone(process, record.startTime());
        }
        try {
            return status(process);
        } catch (IOException | RuntimeException e) {
            LOG.error("{}: how it ended cannot be learnt", record.what(), e);
            return Optional.empty();
        }
    }

    private void awaitGone(Pidfd process, long startTime) throws InterruptedException {
        while (!process.fd().isClosed() && isThere(process.pid(), startTime)) {
            context.time().ticker().sleep(BEFORE_NEXT_WRITE);
        }
    }

    private static boolean isThere(int pid, long startTime) {
        try {
            return ProcStat.of(pid)
                    .filter(found -> !found.isZombie() && (startTime == 0 || found.startTime() == startTime))
                    .isPresent();
        } catch (IOException e) {
            LOG.error("process {} cannot be looked at", pid, e);
            return true;
        }
    }

    private void drain() throws InterruptedException {
        String output = PumpRecord.name(record.task(), record.execId());
        if (!context.outputs().drain(output, DRAIN)) {
            LOG.warn("{}: its output is held open by others; the exit is told before the end of it", output);
        }
    }

    /** An exit is told whatever else fails: somebody waits for it. */
    private void attempt(String otherwise, Step step) throws InterruptedException {
        try {
            step.run();
        } catch (RuntimeException e) {
            LOG.error("{}: {}", record.what(), otherwise, e);
        }
    }

    private Optional<ExitStatus> status(Pidfd process) throws IOException, InterruptedException {
        try {
            return reap(process);
        } catch (LinuxException e) {
            if (!e.is(Errno.ECHILD)) {
                throw e;
            }
            return statusFromKernel(process);
        }
    }

    /** One that is traced is its tracer's until that lets go of it, as CRIU of what it has ended. */
    private Optional<ExitStatus> reap(Pidfd process) throws IOException, InterruptedException {
        Optional<ExitStatus> status = process.reap();
        for (int looks = 0; status.isEmpty() && looks < LOOKS_WHILE_TRACED; looks++) {
            context.time().ticker().sleep(BEFORE_NEXT_LOOK);
            status = process.reap();
        }
        return status;
    }

    /** Of a process that is not our child: the kernel tells once its parent has reaped it, where it tells at all. */
    private Optional<ExitStatus> statusFromKernel(Pidfd process) throws IOException, InterruptedException {
        long start = context.time().ticker().nanos();
        while (context.time().ticker().since(start).compareTo(STRANGER_REAPS) < 0) {
            Optional<ExitStatus> status = process.exitInfo();
            if (status.isPresent()) {
                return status;
            }
            if (ProcStat.of(process.pid()).filter(ProcStat::isZombie).isEmpty()) {
                return process.exitInfo();
            }
            context.time().ticker().sleep(BEFORE_NEXT_LOOK);
        }
        return Optional.empty();
    }

    /** Tries until it is written: an exit must not be lost because a disk was full for a while. */
    private void record(Optional<ExitStatus> status, Instant at) throws InterruptedException {
        while (true) {
            lock.lockInterruptibly();
            try {
                ProcessRecord ended = record.ended(status, at);
                save(ended, TaskEvents.exited(ended));
                return;
            } catch (Fault fault) {
                if (fault.code() == Fault.Code.UNAVAILABLE) {
                    return; // the next supervisor finds out
                }
                LOG.error("{}: its exit with status {} is not written yet", record.what(), status, fault);
            } catch (RuntimeException e) {
                LOG.error("{}: its exit with status {} cannot be written", record.what(), status, e);
            } finally {
                lock.unlock();
            }
            context.time().ticker().sleep(BEFORE_NEXT_WRITE);
        }
    }
}

package dev.berth.shim.stdio;

import dev.berth.kernel.Fault;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the output of one process into one log file.
 *
 * <p>It works in turns, whenever the loop finds something to read: each turn takes some chunks from each pipe and writes
 * their lines. No line is torn by a new log file, a kill or a full disk. What cannot be written is given up, so that the
 * container is not held up by a log.
 */
final class LogPump implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(LogPump.class);

    /** After so many chunks of one pipe the other pumps have their turn. */
    private static final int CHUNKS_PER_TURN = 4;

    private static final int MOST_TAPS = 16;

    private final Output output;
    private final PumpLoop loop;
    private final InstantSource clock;
    private final List<Source> sources = new ArrayList<>(2);
    private final List<Tap> taps = new CopyOnWriteArrayList<>();
    private final CountDownLatch drained = new CountDownLatch(1);

    /** How often a turn was asked for since the last one began; a turn waits or runs while it is not zero. */
    private final AtomicInteger wanted = new AtomicInteger();

    /** Held for a turn. */
    private final ReentrantLock lock = new ReentrantLock();

    private @Nullable LogFile log;
    private Instant lastTime = Instant.EPOCH;
    private long lostBytes;
    private boolean failing;
    private boolean closed;
    private volatile boolean draining;

    private LogPump(Output output, PumpLoop loop, InstantSource clock) {
        this.output = output;
        this.loop = loop;
        this.clock = clock;
    }

    /**
     * Prepares a pump and brings to its end what an earlier one of that name left half done; {@link #start()} begins to
     * read.
     *
     * @param directory where it keeps what is on its way
     * @param anyway go on without a log if it cannot be opened, rather than hold up a container that runs
     * @throws Fault if a pipe or the log cannot be opened
     */
    static LogPump open(Output output, Path directory, PumpLoop loop, InstantSource clock, boolean anyway)
            throws IOException, InterruptedException {
        LogPump pump = new LogPump(output, loop, clock);
        try {
            pump.openLog(anyway);
            pump.add("stdout", output.stdout(), directory);
            pump.add("stderr", output.stderr(), directory);
            pump.recover();
            return pump;
        } catch (IOException | RuntimeException | InterruptedException e) {
            pump.close();
            throw e;
        }
    }

    private void openLog(boolean anyway) throws InterruptedException {
        if (output.log().isEmpty()) {
            return;
        }
        try {
            log = LogFile.open(Path.of(output.log()));
        } catch (Fault fault) {
            if (!anyway) {
                throw fault;
            }
            LOG.error(
                    "{}: its output is thrown away until its log is opened anew: {}",
                    output.name(),
                    fault.getMessage());
        }
    }

    private void add(String stream, String fifo, Path directory) throws IOException {
        if (!fifo.isEmpty()) {
            Path staged = output.log().isEmpty() ? null : directory.resolve(stream);
            sources.add(Source.open(stream, Path.of(fifo), staged, loop, this::wantTurn));
        }
    }

    private void recover() throws IOException {
        Buffers buffers = null;
        for (Source source : sources) {
            Staging staging = source.staging;
            if (staging != null && staging.isHalfDone()) {
                buffers = buffers == null ? new Buffers() : buffers;
                write(source, staging, buffers, staging.fill(buffers), false);
            }
        }
    }

    /** Begins to read. Under the lock, because the first turn may come before this returns. */
    void start() throws LinuxException {
        lock.lock();
        try {
            for (Source source : sources) {
                source.watch();
            }
        } finally {
            lock.unlock();
        }
    }

    Output output() {
        return output;
    }

    private void wantTurn() {
        if (wanted.getAndIncrement() == 0) {
            loop.submit(this::turn);
        }
    }

    private void turn(Buffers buffers) {
        int seen = wanted.get();
        boolean more;
        try {
            more = work(buffers);
            failing = false;
        } catch (IOException | RuntimeException e) {
            if (!failing) {
                LOG.error("{}: its output is not read for now", output.name(), e);
            }
            failing = true;
            loop.submitLater(this::turn);
            return;
        }
        if (more || wanted.addAndGet(-seen) > 0) {
            loop.submit(this::turn);
        }
    }

    /** Returns true if there is more to do at once. */
    private boolean work(Buffers buffers) throws IOException {
        lock.lock();
        try {
            if (closed) {
                return false;
            }
            boolean more = false;
            for (Source source : sources) {
                if (source.isReady() || draining) {
                    more |= pull(source, buffers);
                }
            }
            if (draining && sources.stream().allMatch(Source::hasEnded)) {
                drained.countDown();
            }
            return more;
        } finally {
            lock.unlock();
        }
    }

    private boolean pull(Source source, Buffers buffers) throws IOException {
        Staging staging = source.staging;
        for (int chunk = 0; chunk < CHUNKS_PER_TURN; chunk++) {
            int length = source.take(buffers, !taps.isEmpty());
            if (length < 0) {
                if (staging != null && staging.isMidLine()) {
                    write(source, staging, buffers, staging.fill(buffers), true);
                }
                source.end();
                return false;
            }
            source.goOn();
            if (length == 0) {
                source.rest();
                return false;
            }
            tell(source, buffers, length);
            if (staging != null) {
                write(source, staging, buffers, length, false);
            }
        }
        return true;
    }

    private void tell(Source source, Buffers buffers, int length) {
        for (Tap tap : taps) {
            tap.offer(source.isError, buffers.bytes, source.before(), length);
        }
    }

    /** How many look. */
    int taps() {
        return taps.size();
    }

    /** Begins to show what is read, besides writing it. */
    Tap tap() {
        if (taps.size() >= MOST_TAPS) {
            throw Fault.exhausted(
                    "attach to " + output.name(), MOST_TAPS + " are attached already", "Let go of one first");
        }
        Tap tap = new Tap(taps::remove);
        lock.lock(); // a turn shows all that it takes, or nothing
        try {
            taps.add(tap);
            if (closed || drained.getCount() == 0) {
                tap.end();
            }
            return tap;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Brings bytes from the buffers into the log.
     *
     * @param last nothing comes after them now: an open line is written as a part
     */
    private void write(Source source, Staging staging, Buffers buffers, int length, boolean last) throws IOException {
        LogFile file = log;
        if (file == null) {
            writeNow(source, staging, buffers, length, last);
            return;
        }
        file.begin();
        try {
            writeNow(source, staging, buffers, length, last);
        } finally {
            file.end();
        }
    }

    private void writeNow(Source source, Staging staging, Buffers buffers, int length, boolean last)
            throws IOException {
        Staging.Intent begun = staging.unfinished();
        Staging.Intent intent = begun != null ? begun : new Staging.Intent(stamp(), nextTime(), last);
        int rest = CriLines.waiting(buffers.bytes, length, intent.last());
        byte[] waiting = Arrays.copyOfRange(buffers.bytes, length - rest, length);
        if (begun == null) {
            staging.begin(intent, waiting);
        }
        if (length > rest) {
            writeLines(source.lines, buffers, length - rest, intent);
        }
        staging.finish(waiting);
    }

    private void writeLines(CriLines lines, Buffers buffers, int length, Staging.Intent intent) throws IOException {
        LogFile file = log;
        if (file == null) {
            lostBytes += length;
            return;
        }
        long place = file.place(intent.log(), intent.time());
        try {
            LogFile.Writing writing = file.from(place, buffers.out);
            int written = lines.write(buffers.bytes, length, intent.time(), writing);
            writing.flush();
            lastTime = intent.time().plusNanos(written - 1L);
            if (lostBytes > 0) {
                LOG.warn("{}: {} bytes of its output are lost, its log is written again", output.name(), lostBytes);
                lostBytes = 0;
            }
        } catch (LinuxException e) {
            file.cut(place);
            if (lostBytes == 0) {
                LOG.error(
                        "{}: its output is thrown away, its log cannot be written: {}", output.name(), e.getMessage());
            }
            lostBytes += length;
        }
    }

    private Fd.Stamp stamp() throws LinuxException {
        return log == null ? new Fd.Stamp(0, 0, 0) : log.stamp();
    }

    /** Never twice the same, so that equal lines can be told apart. */
    private Instant nextTime() {
        Instant now = clock.instant();
        return now.isAfter(lastTime) ? now : lastTime.plusNanos(1);
    }

    /** Goes on in a new file of the log's name. Lines written before are all in the old one. */
    void reopen() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            if (output.log().isEmpty() || closed) {
                return;
            }
            if (log == null) {
                log = LogFile.open(Path.of(output.log()));
            } else {
                log.reopen();
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Waits until nobody can write any more and everything is in the log.
     *
     * @return false if the time is over
     */
    boolean drain(Duration limit) throws InterruptedException {
        draining = true;
        wantTurn();
        boolean all = drained.await(limit.toNanos(), TimeUnit.NANOSECONDS);
        taps.forEach(Tap::end);
        return all;
    }

    /** Stops reading; what is on its way stays for the next pump of that name. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (!closed) {
                closed = true;
                sources.forEach(Source::close);
                taps.forEach(Tap::end);
                if (log != null) {
                    log.close();
                }
            }
        } finally {
            lock.unlock();
        }
    }
}

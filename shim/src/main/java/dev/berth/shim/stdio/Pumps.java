package dev.berth.shim.stdio;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** All pumps of this process, by the name of the process whose output they read. Thread-safe. */
public final class Pumps implements AutoCloseable {
    private final InstantSource clock;
    private final Map<String, LogPump> running = new ConcurrentHashMap<>();

    public Pumps(InstantSource clock) {
        this.clock = clock;
    }

    /**
     * Begins to read; does nothing if a pump of that name runs.
     *
     * @param stderr empty if there is none
     * @param log empty to throw everything away
     */
    public void start(String name, String stdout, String stderr, String log) throws IOException {
        LogPump pump = LogPump.open(stdout, stderr, log, clock);
        if (running.putIfAbsent(name, pump) != null) {
            pump.close();
            return;
        }
        pump.start();
    }

    /**
     * Opens the log file anew.
     *
     * @throws Fault NOT_FOUND if there is no such pump
     */
    public void reopen(String name) throws IOException {
        find(name).reopen();
    }

    /**
     * Waits until what is in the pipes now is in the log.
     *
     * @return false if the time is over
     */
    public boolean drain(String name, Duration limit) throws InterruptedException {
        LogPump pump = running.get(name);
        return pump == null || pump.drain(limit);
    }

    /** Ends a pump; harmless if there is none. */
    public void stop(String name) {
        LogPump pump = running.remove(name);
        if (pump != null) {
            pump.close();
        }
    }

    @Override
    public void close() {
        running.keySet().forEach(this::stop);
    }

    private LogPump find(String name) {
        LogPump pump = running.get(name);
        if (pump == null) {
            throw Fault.notFound("find the log of " + name, "nothing is being read for it", "");
        }
        return pump;
    }
}

package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Pidfd;
import dev.berth.linux.Signals;
import dev.berth.ttrpc.TtrpcClient;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One running foreign shim and our one connection to it, which all its tasks share. */
final class ForeignShim implements Link {
    private static final Logger LOG = LoggerFactory.getLogger(ForeignShim.class);

    private final ShimAddress address;
    private final TtrpcClient client;
    private final Ticker ticker;
    private final Set<TaskId> members = ConcurrentHashMap.newKeySet();
    private volatile @Nullable Pidfd process;
    private volatile boolean leaving;

    private ForeignShim(ShimAddress address, TtrpcClient client, Ticker ticker) {
        this.address = address;
        this.client = client;
        this.ticker = ticker;
    }

    static ForeignShim connect(ShimAddress address, Ticker ticker) throws IOException {
        return new ForeignShim(address, TtrpcClient.connect(address.socket(), ticker), ticker);
    }

    ShimAddress address() {
        return address;
    }

    Set<TaskId> members() {
        return members;
    }

    TaskClient tasks(String namespace) {
        return new TaskClient(this, address.taskService(), namespace, ticker);
    }

    boolean isOpen() {
        return client.isOpen();
    }

    /** True if the connection was ended on purpose, so that its end is no accident. */
    boolean isLeaving() {
        return leaving;
    }

    void awaitClosed() throws InterruptedException {
        client.awaitClosed(TtrpcClient.FOREVER);
    }

    @Override
    public TtrpcClient client(Duration limit) {
        if (!client.isOpen()) {
            throw Fault.unavailable("reach shim " + address.socket(), "its connection is lost", "");
        }
        return client;
    }

    /** Remembers which process it is, so that it can be killed if it does not go by itself. */
    void learnProcess(TaskId task) {
        try {
            int pid = tasks(task.namespace()).connect(task).getShimPid();
            if (pid > 0 && process == null) {
                process = Pidfd.open(pid);
            }
        } catch (LinuxException e) {
            if (!e.is(Errno.ESRCH)) {
                LOG.warn("shim {} cannot be watched", address.socket(), e);
            }
        } catch (Fault e) {
            LOG.debug("shim {} does not tell its pid", address.socket(), e);
        }
    }

    /** Ends a shim that has no members any more: asks, waits, kills. */
    void end(TaskId last) throws IOException, InterruptedException {
        leaving = true;
        try {
            var request = dev.berth.wire.shim.task.ShutdownRequest.newBuilder()
                    .setId(last.id())
                    .setNow(false)
                    .build();
            tasks(last.namespace()).run("Shutdown", request, Deadlines.SHIM_STOP);
        } catch (Fault e) {
            LOG.debug("shim {} was told to go", address.socket(), e); // it may go before it answers
        }
        Pidfd known = process;
        if (known != null && !known.awaitExit(Deadlines.SHIM_STOP)) {
            LOG.warn("shim {} (pid {}) does not go: killed", address.socket(), known.pid());
            known.signal(Signals.KILL);
            known.awaitExit(Deadlines.SHIM_STOP);
        }
        close();
        removeSocket();
    }

    /**
     * Not every shim takes its socket with it: containerd's knows only the one that it would have if its pod had no other
     * container. One that answers belongs to a shim that has been started in its place.
     */
    void removeSocket() throws IOException {
        try (TtrpcClient _ = TtrpcClient.connect(address.socket(), ticker)) {
            LOG.debug("socket {} is used again", address.socket());
        } catch (IOException nobodyThere) {
            LOG.trace("socket {} is removed", address.socket(), nobodyThere);
            Files.deleteIfExists(address.socket());
        }
    }

    /** Kills the process if it is known; for a shim that has lost its connection and serves nobody. */
    void kill() throws IOException, InterruptedException {
        Pidfd known = process;
        if (known != null) {
            known.signal(Signals.KILL);
            known.awaitExit(Deadlines.SHIM_STOP);
        }
    }

    /** Lets go of the shim, which runs on. */
    void close() {
        leaving = true;
        client.close();
        Pidfd known = process;
        if (known != null) {
            known.close();
        }
    }
}

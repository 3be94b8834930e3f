package dev.berth.network;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Fd;
import dev.berth.linux.Namespaces;
import dev.berth.linux.netlink.Rtnetlink;
import dev.berth.linux.netlink.Sysctl;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Namespaces made in advance, so that a pod need not wait for one. They hang on descriptors only: when the process dies the
 * kernel drops them. New ones are made a little later than one is taken, when the pod that took it has started.
 */
final class Spares implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Spares.class);
    private static final int LOOPBACK = 1; // lo is the first link of every namespace
    private static final Duration LATER = Duration.ofMillis(250);
    private static final int LATEST = 8; // times that, however busy the node is

    private final int wanted;
    private final Ticker ticker;
    private final ConcurrentLinkedQueue<Fd> ready = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean filling = new AtomicBoolean();
    private volatile boolean closed;
    private volatile long lastTaken;

    Spares(int wanted, Ticker ticker) {
        this.wanted = wanted;
        this.ticker = ticker;
        fillUp();
    }

    /** A namespace with its loopback up; the taker closes it. */
    Fd take() throws IOException, InterruptedException {
        lastTaken = ticker.nanos();
        Optional<Fd> spare = Optional.ofNullable(ready.poll());
        fillUp();
        return spare.isPresent() ? spare.get() : make();
    }

    private void fillUp() {
        if (ready.size() < wanted && !closed && !filling.getAndSet(true)) {
            Thread.ofVirtual().name("spare-namespaces").start(this::fill);
        }
    }

    private void fill() {
        try {
            awaitQuiet();
            while (!closed && ready.size() < wanted) {
                ready.add(make());
            }
            filling.set(false);
            fillUp(); // one may have been taken since the last look
        } catch (IOException e) {
            LOG.warn("no network namespaces in advance: {}", e.getMessage());
            filling.set(false); // the next taker tries again
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (closed) {
            drain();
        }
    }

    /** The containers of the pod that took the last one come first: making one keeps the kernel busy for milliseconds. */
    private void awaitQuiet() throws InterruptedException {
        for (int wait = 0; wait < LATEST; wait++) {
            ticker.sleep(LATER);
            if (ticker.since(lastTaken).compareTo(LATER) >= 0) {
                return;
            }
        }
    }

    private static Fd make() throws IOException, InterruptedException {
        return Namespaces.inNew(Set.of(Namespaces.Kind.NET), () -> {
            setLoopbackUp();
            letUsersServe();
            letUsersPing();
            return Namespaces.openSelf(Namespaces.Kind.NET);
        });
    }

    /** In the calling thread's namespace. */
    static void setLoopbackUp() throws IOException {
        try (Rtnetlink net = Rtnetlink.open()) {
            net.setUp(LOOPBACK, true);
        }
    }

    /** On any port: below 1024 there is nobody in a pod's own network whom that could harm. In the calling thread's namespace. */
    static void letUsersServe() {
        set("net/ipv4/ip_unprivileged_port_start", "0");
    }

    /** Without a capability. In the calling thread's namespace, whose ids must be the node's. */
    private static void letUsersPing() {
        set("net/ipv4/ping_group_range", "0\t2147483647");
    }

    /** What cannot be set, because /proc/sys is read-only for us, is as the kernel has it. */
    private static void set(String name, String value) {
        try {
            Sysctl.write(name, value);
        } catch (IOException e) {
            LOG.debug("{} of a pod stays as it is: {}", name, e.getMessage());
        }
    }

    int ready() {
        return ready.size();
    }

    private void drain() {
        for (Fd spare = ready.poll(); spare != null; spare = ready.poll()) {
            spare.close();
        }
    }

    @Override
    public void close() {
        closed = true;
        drain();
    }
}

package dev.berth.network.bridge;

import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.linux.netlink.Conntrack;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.linux.netlink.NftFamily;
import dev.berth.network.PodNetworkRequest.PortMapping;
import dev.berth.network.PodNetworkRequest.Protocol;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the rules in step with the leases. What a lease says counts: rules that another program broke are written again from
 * all leases.
 *
 * <p>Closing a port costs the kernel some 10 ms of waiting for readers of its tables, so it happens behind the caller's back,
 * on a thread of its own; a pod that takes the port meanwhile keeps it. If it fails the rules are {@linkplain #isStale stale}:
 * all are written anew by whoever asks for the network next, and else by a thread of ours, which tries after 1, 2, 4 … seconds up
 * to five minutes. A daemon that starts writes them anew in any case, so nothing of this needs to be on disk.
 */
final class HostPorts implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HostPorts.class);

    private static final Pauses PAUSES = new Pauses(Duration.ofSeconds(1), Duration.ofMinutes(5));

    /** What the kernel does. */
    interface Rules {
        /** Writes all anew. */
        void install(List<IpPrefix> subnets, Collection<Lease> leases) throws LinuxException;

        /** Opens the ports of a pod. */
        void open(Lease lease) throws LinuxException;

        /** Closes the ports of a pod. */
        void close(Lease lease) throws LinuxException;

        /** Removes all. */
        void uninstall() throws LinuxException;
    }

    private final Rules rules;
    private final Leases leases;
    private final Ticker ticker;
    private final Set<Thread> behind = ConcurrentHashMap.newKeySet();
    private @Nullable Thread mender;
    private volatile boolean stale; // rules are there that should not be
    private final Object changing = new Object(); // nobody may write the whole from a list that lacks a pod

    HostPorts(Rules rules, Leases leases, Ticker ticker) {
        this.rules = rules;
        this.leases = leases;
        this.ticker = ticker;
    }

    /** Writes all rules anew. */
    void install() throws LinuxException {
        synchronized (changing) {
            rules.install(leases.ranges().subnets(), leases.all());
            stale = false;
        }
    }

    /** Whether a port could not be closed, so that all rules must be written anew before its pod's address is given again. */
    boolean isStale() {
        return stale;
    }

    /** Opens the ports of a pod, which has its lease already. */
    void open(Lease lease) throws LinuxException {
        if (lease.ports().isEmpty()) {
            return;
        }
        synchronized (changing) {
            try {
                rules.open(lease);
            } catch (LinuxException e) {
                if (!e.is(Errno.ENOENT) && !e.is(Errno.EEXIST)) {
                    throw e;
                }
                // Somebody flushed the tables, or the port's last owner is still being closed.
                rules.install(leases.ranges().subnets(), leases.all());
            }
        }
        if (hasUdp(lease)) {
            later("host-ports", () -> forgetFlows(lease)); // senders that were there before the pod
        }
    }

    /** Closes the ports of a pod, soon, whose lease is gone already. */
    void close(Lease lease) {
        if (!lease.ports().isEmpty()) {
            later("host-ports", () -> closeNow(lease));
        }
    }

    private void closeNow(Lease lease) throws LinuxException {
        synchronized (changing) {
            try {
                closeOrInstall(lease);
            } catch (LinuxException | RuntimeException e) {
                stale = true;
                mendSoon();
                throw e;
            }
        }
        forgetFlows(lease);
    }

    private void mendSoon() {
        if (mender == null || !mender.isAlive()) {
            mender = Thread.ofPlatform().daemon().name("host-ports-mender").start(this::mend);
        }
    }

    private void mend() {
        try {
            for (int failures = 1; ; failures++) {
                ticker.sleep(PAUSES.after(failures));
                synchronized (changing) {
                    if (!stale || tried()) {
                        mender = null; // here, so that who finds the rules stale again after this begins anew
                        return;
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the daemon ends
        }
    }

    private boolean tried() {
        try {
            install();
            LOG.info("host ports: the rules are as they should be again");
            return true;
        } catch (LinuxException | RuntimeException e) {
            LOG.debug("host ports: {}", e.getMessage());
            return false;
        }
    }

    private void closeOrInstall(Lease lease) throws LinuxException {
        Collection<Lease> others = leases.all();
        try {
            rules.close(without(lease, others));
        } catch (LinuxException e) {
            if (!e.is(Errno.ENOENT)) {
                throw e;
            }
            rules.install(leases.ranges().subnets(), others);
        }
    }

    /** The lease with those of its ports that nobody else has taken since. */
    private static Lease without(Lease lease, Collection<Lease> others) {
        Set<String> taken = new HashSet<>();
        others.forEach(other -> other.ports().forEach(port -> taken.add(key(port))));
        List<PortMapping> left = lease.ports().stream()
                .filter(port -> !taken.contains(key(port)))
                .toList();
        return new Lease(lease.podId(), lease.addresses(), left);
    }

    private static String key(PortMapping port) {
        return port.protocol() + " " + port.hostPort() + " " + HostAddress.of(port);
    }

    private static boolean hasUdp(Lease lease) {
        return lease.ports().stream().anyMatch(port -> port.protocol() == Protocol.UDP);
    }

    /** UDP has no end: without this a sender that does not pause would be sent to the old place for ever. */
    private static void forgetFlows(Lease lease) throws LinuxException {
        for (PortMapping port : lease.ports()) {
            if (port.protocol() == Protocol.UDP) {
                for (IpPrefix address : lease.addresses()) {
                    NftFamily family = address.isV6() ? NftFamily.IPV6 : NftFamily.IPV4;
                    Conntrack.forget(family, Protocol.UDP.number(), port.hostPort());
                }
            }
        }
    }

    private interface Change {
        void run() throws LinuxException;
    }

    private void later(String name, Change change) {
        Thread thread = Thread.ofPlatform().daemon().name(name).unstarted(() -> {
            try {
                change.run();
            } catch (LinuxException | RuntimeException e) {
                LOG.warn("host ports: {}; the rules are written again soon", e.getMessage());
            } finally {
                behind.remove(Thread.currentThread());
            }
        });
        behind.add(thread);
        thread.start();
    }

    /** Waits until nothing is being changed any more. */
    void settle() throws InterruptedException {
        for (Thread thread : behind) {
            thread.join();
        }
    }

    /** Removes all rules. */
    void uninstall() throws LinuxException {
        synchronized (changing) {
            rules.uninstall();
        }
    }

    /** Waits for what is being closed; the rules stay. */
    @Override
    public void close() {
        synchronized (changing) {
            if (mender != null) {
                mender.interrupt();
            }
        }
        try {
            settle();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

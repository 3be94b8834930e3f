package dev.berth.network.bridge;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Platform;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.linux.netlink.Link;
import dev.berth.linux.netlink.Rtnetlink;
import dev.berth.network.Attachment;
import dev.berth.network.NetworkState;
import dev.berth.network.PodNetworkRequest;
import dev.berth.network.PodNetworkRequest.PortMapping;
import dev.berth.network.PodNetworks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The built-in network: pods on a bridge of the node, masqueraded to the outside, with host ports. Connecting a pod takes one
 * or two milliseconds and no process.
 *
 * <p>Disconnecting leaves the veth pair to the kernel, which drops it with the pod's namespace. What another program broke
 * (the bridge deleted, the rules flushed) is repaired when it is noticed: at the next pod or the next question for the state.
 */
public final class BridgeNetwork implements PodNetworks {
    private static final Logger LOG = LoggerFactory.getLogger(BridgeNetwork.class);

    private final BridgeConfig config;
    private final Leases leases;
    private final Bridge bridge;
    private final HostPorts hostPorts;
    private final HostSettings settings;
    private final Object setup = new Object();
    private volatile boolean ready;

    private BridgeNetwork(BridgeConfig config, Disk disk, Ticker ticker) throws IOException {
        this.config = config;
        this.leases = Leases.open(config.directory().resolve(config.bridge() + ".leases"), disk);
        this.bridge = new Bridge(config.bridge(), config.mtu());
        this.hostPorts = new HostPorts(new BridgeRules(config.bridge()), leases, ticker);
        this.settings = new HostSettings(config.directory().resolve(config.bridge() + ".settings"), disk);
    }

    /**
     * Reads what pods have, and sets up the bridge and the rules. If that can't be done {@link #state()} says why, and it is
     * tried again with the next pod.
     *
     * @throws Fault INVALID_ARGUMENT if the settings can't be right
     */
    public static BridgeNetwork open(BridgeConfig config, Disk disk, Ticker ticker)
            throws IOException, InterruptedException {
        Files.createDirectories(config.directory());
        BridgeNetwork network = new BridgeNetwork(config, disk, ticker);
        NetworkState state = network.state();
        if (!state.ready()) {
            LOG.warn("{}", state.message());
        }
        return network;
    }

    private void ensure() throws InterruptedException {
        try {
            if (ready && !hostPorts.isStale() && bridge.exists()) {
                return;
            }
            Platform.<@Nullable Void, IOException>call("bridge-setup", () -> {
                synchronized (setup) {
                    setUp();
                }
                return null;
            });
        } catch (IOException e) {
            throw Fault.unavailable("set up bridge " + config.bridge(), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    private void setUp() throws IOException {
        ready = false;
        try (Rtnetlink net = Rtnetlink.open()) {
            leases.change(ranges(net));
            List<IpPrefix> gateways = leases.ranges().gateways();
            bridge.ensure(net, gateways);
            settings.forwardV4();
            if (gateways.stream().anyMatch(IpPrefix::isV6)) {
                settings.forwardV6(net);
            }
        }
        hostPorts.install();
        ready = true;
    }

    /** What the cluster said counts more than what is configured, and that more than what we chose once. */
    private Ranges ranges(Rtnetlink net) throws LinuxException {
        Ranges known = leases.ranges();
        Ranges wanted = known;
        if (known.origin() != Ranges.Origin.CLUSTER && !config.subnets().isEmpty()) {
            wanted = new Ranges(Ranges.Origin.CONFIGURED, config.subnets());
        } else if (known.subnets().isEmpty()) {
            wanted = new Ranges(Ranges.Origin.CHOSEN, Subnets.choose(net, config.bridge(), config.ipv6()));
        } else if (known.origin() == Ranges.Origin.CHOSEN) {
            wanted = new Ranges(
                    Ranges.Origin.CHOSEN, Subnets.adjust(net, config.bridge(), known.subnets(), config.ipv6()));
        }
        Subnets.checkFree(net, config.bridge(), wanted.subnets());
        return wanted;
    }

    @Override
    public Attachment attach(PodNetworkRequest request) throws InterruptedException {
        List<PortMapping> ports = request.hostPorts();
        ports.forEach(port -> HostAddress.check(request.id(), port));
        if (request.bandwidth() != null) {
            LOG.warn(
                    "pod {}: the built-in network has no limits of bandwidth; use CNI's bandwidth plugin",
                    request.id());
        }
        ensure();
        detach(request); // what an attempt of before left
        try (Rollback undo = new Rollback()) {
            Lease lease = leases.take(request.id(), ports);
            undo.add("address of pod " + request.id(), () -> leases.release(request.id()));
            undo.add("veth of pod " + request.id(), () -> Bridge.disconnect(lease));
            Link link = connect(request, lease);
            hostPorts.open(lease); // the last step: if it fails nothing is open
            undo.commit();
            return account(lease, link.mac(), request.netns());
        } catch (IOException e) {
            throw Fault.internal("connect pod " + request.id(), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    private Link connect(PodNetworkRequest request, Lease lease) throws IOException, InterruptedException {
        boolean hairpin = !lease.ports().isEmpty();
        return bridge.connect(Path.of(request.netns()), lease, hairpin);
    }

    private static Attachment account(Lease lease, String mac, String netns) {
        List<String> ips = lease.addresses().stream().map(IpPrefix::toString).toList();
        var interfaces = List.of(
                new Attachment.Interface(lease.veth(), "", ""),
                new Attachment.Interface(PodNetworkRequest.INTERFACE, mac, netns));
        return new Attachment(ips, interfaces, "");
    }

    @Override
    public void detach(PodNetworkRequest request) throws InterruptedException {
        release(request.id());
        if (hostPorts.isStale()) {
            ensure(); // fails if that cannot be mended, so that the caller comes again
        }
    }

    private void release(String podId) {
        Optional<Lease> lease = leases.find(podId);
        if (lease.isPresent()) {
            leases.release(podId);
            hostPorts.close(lease.get());
        }
    }

    @Override
    public void check(PodNetworkRequest request) throws InterruptedException {
        Lease lease = leases.find(request.id())
                .orElseThrow(
                        () -> Fault.notFound("check the network of pod " + request.id(), "it is not attached", ""));
        try {
            Optional<Bridge.Inside> inside = Bridge.inspect(Path.of(request.netns()));
            if (inside.filter(i -> i.link().up() && i.addresses().containsAll(lease.addresses()))
                    .isEmpty()) {
                throw Fault.precondition(
                        "check the network of pod " + request.id(),
                        "its interface is not up with the addresses " + lease.addresses(),
                        "Something changed it; a new pod gets a new interface");
            }
        } catch (IOException e) {
            throw Fault.precondition("check the network of pod " + request.id(), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    @Override
    public Optional<Attachment> find(String podId) {
        return leases.find(podId).map(lease -> account(lease, lease.mac(), ""));
    }

    @Override
    public Set<String> attached() {
        return leases.all().stream().map(Lease::podId).collect(Collectors.toUnmodifiableSet());
    }

    @Override
    public void collectGarbage(Set<String> podIds) {
        // A lease is all that there is to free.
    }

    @Override
    public NetworkState state() throws InterruptedException {
        try {
            ensure();
            return NetworkState.READY;
        } catch (Fault e) {
            return NetworkState.notReady("BridgeNotReady", String.valueOf(e.getMessage()));
        }
    }

    @Override
    public void updatePodCidr(List<IpPrefix> ranges) throws InterruptedException {
        if (ranges.isEmpty()) {
            return;
        }
        List<IpPrefix> subnets = ranges.stream().map(IpPrefix::network).toList();
        BridgeConfig.checkSubnets(subnets);
        try (Rtnetlink net = Rtnetlink.open()) {
            Subnets.checkFree(net, config.bridge(), subnets);
        } catch (IOException e) {
            throw Fault.unavailable("take the pod CIDR " + ranges, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
        synchronized (setup) {
            leases.change(new Ranges(Ranges.Origin.CLUSTER, subnets));
            ready = false;
        }
        ensure();
    }

    /** Waits until the host ports of pods that were detached are closed. */
    void settle() throws InterruptedException {
        hostPorts.settle();
    }

    /** The ranges that pods get their addresses from; empty as long as the network was never ready. */
    public List<IpPrefix> subnets() {
        return leases.ranges().subnets();
    }

    /**
     * Removes the bridge, the rules, the kernel settings and the journal: for a daemon that shall leave no trace. Pods that
     * are still attached lose their network. After this only {@link #close} may be called.
     */
    public void uninstall() throws IOException {
        ready = false;
        hostPorts.close();
        hostPorts.uninstall();
        try (Rtnetlink net = Rtnetlink.open()) {
            bridge.remove(net);
            settings.restore(net);
        }
        leases.delete();
    }

    @Override
    public void close() {
        hostPorts.close();
        try {
            leases.close();
        } catch (IOException e) {
            LOG.warn("close the journal of {}: {}", config.bridge(), e.getMessage());
        }
    }
}

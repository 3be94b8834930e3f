package dev.berth.network.bridge;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Namespaces;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.linux.netlink.Link;
import dev.berth.linux.netlink.Route;
import dev.berth.linux.netlink.Rtnetlink;
import dev.berth.linux.netlink.Sysctl;
import dev.berth.linux.netlink.Veth;
import dev.berth.network.PodNetworkRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The links: the bridge on the node, and a pair of veth for each pod. Knows nothing of leases or rules. */
final class Bridge {
    private final String name;
    private final int configuredMtu;
    private volatile int index;
    private volatile int mtu;

    Bridge(String name, int configuredMtu) {
        this.name = name;
        this.configuredMtu = configuredMtu;
    }

    /**
     * Makes the bridge what it should be, whatever is there now.
     *
     * @param gateways its addresses; others, of ranges that pods may still have, stay
     */
    void ensure(Rtnetlink net, List<IpPrefix> gateways) throws IOException {
        mtu = configuredMtu > 0 ? configuredMtu : Subnets.uplinkMtu(net);
        Optional<Link> found = net.find(name);
        if (found.isEmpty()) {
            net.createBridge(name, Lease.macOf(gateways.getFirst()), mtu);
        } else if (!found.get().kind().equals("bridge")) {
            throw Fault.precondition(
                    "set up bridge " + name,
                    "there is an interface of this name which is not a bridge",
                    "Configure another name as network.bridge");
        }
        Link bridge = net.link(name);
        index = bridge.index();
        if (mtu > 0 && bridge.mtu() != mtu) {
            net.setMtu(index, mtu);
        }
        if (!bridge.up()) {
            net.setUp(index, true);
        }
        if (gateways.stream().anyMatch(IpPrefix::isV6)) {
            // While it asks whether somebody else has its address it would not forward to pods: seconds after the first
            // one.
            Sysctl.write("net/ipv6/conf/" + name + "/accept_dad", "0");
        }
        for (IpPrefix gateway : gateways) {
            net.addAddress(index, gateway);
        }
        // Without this the node itself could not reach host ports at 127.0.0.1.
        Sysctl.write("net/ipv4/conf/" + name + "/route_localnet", "1");
    }

    boolean exists() throws LinuxException {
        try (Rtnetlink net = Rtnetlink.open()) {
            return net.find(name).filter(l -> l.index() == index).isPresent();
        }
    }

    /**
     * Connects a pod: its far end is born in the pod's namespace.
     *
     * @param hairpin whether what the pod sends may come back to it
     * @return the pod's interface
     */
    Link connect(Path netns, Lease lease, boolean hairpin) throws IOException, InterruptedException {
        try (Rtnetlink node = Rtnetlink.open();
                Fd namespace = Namespaces.open(netns)) {
            return Namespaces.enter(List.of(namespace), () -> {
                try (Rtnetlink pod = Rtnetlink.open()) {
                    var veth = new Veth(
                            lease.veth(), index, PodNetworkRequest.INTERFACE, lease.mac(), mtu, namespace.number());
                    create(node, pod, veth);
                    if (hairpin) {
                        node.setHairpin(node.link(lease.veth()).index());
                    }
                    return configure(pod, lease);
                }
            });
        }
    }

    private static void create(Rtnetlink node, Rtnetlink pod, Veth veth) throws LinuxException {
        try {
            node.createVeth(veth);
        } catch (LinuxException e) {
            if (!e.is(Errno.EEXIST)) {
                throw e;
            }
            // An attempt of before was broken off.
            node.delete(veth.name());
            pod.delete(veth.peerName());
            node.createVeth(veth);
        }
    }

    private static Link configure(Rtnetlink pod, Lease lease) throws IOException {
        Link eth0 = pod.link(PodNetworkRequest.INTERFACE);
        if (lease.addresses().stream().anyMatch(IpPrefix::isV6)) {
            // Nobody else has our addresses: the pod need not wait for an answer that does not come.
            Sysctl.write("net/ipv6/conf/" + eth0.name() + "/accept_dad", "0");
            Sysctl.write("net/ipv6/conf/" + eth0.name() + "/accept_ra", "0");
        }
        for (IpPrefix address : lease.addresses()) {
            pod.addAddress(eth0.index(), address);
        }
        pod.setUp(eth0.index(), true);
        for (IpPrefix gateway : lease.gateways()) {
            IpPrefix everywhere = IpPrefix.parse(gateway.isV6() ? "::/0" : "0.0.0.0/0");
            pod.addRoute(new Route(everywhere, gateway.address(), eth0.index()));
        }
        return eth0;
    }

    /** The pod's interface as it is now, empty if it is gone. */
    static Optional<Inside> inspect(Path netns) throws IOException, InterruptedException {
        try (Fd namespace = Namespaces.open(netns)) {
            return Namespaces.enter(List.of(namespace), () -> {
                try (Rtnetlink pod = Rtnetlink.open()) {
                    Optional<Link> eth0 = pod.find(PodNetworkRequest.INTERFACE);
                    return eth0.isEmpty()
                            ? Optional.empty()
                            : Optional.of(new Inside(
                                    eth0.get(), pod.addresses(eth0.get().index())));
                }
            });
        }
    }

    /** A pod's interface and its addresses. */
    record Inside(Link link, List<IpPrefix> addresses) {}

    /** Takes a pod's interfaces away; slow, so only when its namespace will not be dropped right now. */
    static void disconnect(Lease lease) throws LinuxException {
        try (Rtnetlink node = Rtnetlink.open()) {
            node.delete(lease.veth());
        }
    }

    /** Removes the bridge. Harmless if there is none. */
    void remove(Rtnetlink net) throws LinuxException {
        if (net.find(name).filter(l -> l.kind().equals("bridge")).isPresent()) {
            net.delete(name);
        }
    }
}

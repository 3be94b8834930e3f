package dev.berth.network.bridge;

import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.linux.netlink.NftBatch;
import dev.berth.linux.netlink.NftBatch.ChainType;
import dev.berth.linux.netlink.NftBatch.Hook;
import dev.berth.linux.netlink.NftBatch.PortKey;
import dev.berth.linux.netlink.NftFamily;
import dev.berth.linux.netlink.NftRule;
import dev.berth.network.PodNetworkRequest.PortMapping;
import java.net.InetAddress;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The rules of nftables: one table for each family, named like the bridge, the same for however many pods. A pod with host
 * ports adds entries to two maps, any other adds nothing.
 *
 * <pre>
 * hostports    dnat to proto . daddr . port in @at;  local daddr: dnat to proto . port in @ports
 * prerouting, output        jump hostports
 * postrouting  from pods to elsewhere: masquerade;  redirected to a pod from pods or 127.0.0.0/8: masquerade
 * guard        from pods to 127.0.0.0/8, or pretending to come from there: drop
 * </pre>
 *
 * The last is the other side of route_localnet, without which the node could not reach host ports at 127.0.0.1: it would
 * open what listens there to the pods.
 */
final class BridgeRules implements HostPorts.Rules {
    private static final String PORTS = "ports";
    private static final String AT = "portsat";
    private static final String HOSTPORTS = "hostports";
    private static final String PREROUTING = "prerouting";
    private static final String OUTPUT = "output";
    private static final String POSTROUTING = "postrouting";
    private static final String GUARD = "guard";
    private static final IpPrefix LOOPBACK = IpPrefix.parse("127.0.0.0/8");

    private final String bridge;

    BridgeRules(String bridge) {
        this.bridge = bridge;
    }

    /** Puts all rules and entries in place of whatever was there, in one step: no packet sees a moment without. */
    @Override
    public void install(List<IpPrefix> subnets, Collection<Lease> leases) throws LinuxException {
        Set<IpPrefix> pods = new HashSet<>(subnets);
        leases.forEach(lease -> lease.addresses().forEach(a -> pods.add(a.network())));
        NftBatch batch = new NftBatch();
        for (NftFamily family : NftFamily.values()) {
            // Made before it is deleted, because deleting what is not there fails.
            batch.table(family, bridge).deleteTable(family, bridge);
            List<IpPrefix> own = pods.stream().filter(p -> family(p) == family).toList();
            if (!own.isEmpty()) {
                table(batch, family, own);
            }
        }
        leases.forEach(lease -> entries(batch, lease, true));
        batch.commit("install the rules of " + bridge);
    }

    private void table(NftBatch batch, NftFamily family, List<IpPrefix> pods) {
        batch.table(family, bridge)
                .portMap(family, bridge, PORTS, false)
                .portMap(family, bridge, AT, true)
                .chain(family, bridge, HOSTPORTS)
                .rule(bridge, HOSTPORTS, family, rule(family).redirectByAddressAndPort(AT))
                .rule(
                        bridge,
                        HOSTPORTS,
                        family,
                        rule(family).destinationIsLocal().redirectByPort(PORTS))
                .chain(family, bridge, PREROUTING, ChainType.DESTINATION_NAT, Hook.PREROUTING)
                .rule(bridge, PREROUTING, family, rule(family).jump(HOSTPORTS))
                .chain(family, bridge, OUTPUT, ChainType.DESTINATION_NAT, Hook.OUTPUT)
                .rule(bridge, OUTPUT, family, rule(family).jump(HOSTPORTS))
                .chain(family, bridge, POSTROUTING, ChainType.SOURCE_NAT, Hook.POSTROUTING);
        for (IpPrefix subnet : pods) {
            NftRule outwards =
                    rule(family).source(subnet).notDestination(subnet).notTo(bridge);
            NftRule toItself = rule(family).to(bridge).redirected().source(subnet);
            batch.rule(bridge, POSTROUTING, family, outwards.masquerade());
            batch.rule(bridge, POSTROUTING, family, toItself.masquerade());
        }
        if (family == NftFamily.IPV4) {
            NftRule fromLoopback = rule(family).to(bridge).redirected().source(LOOPBACK);
            batch.rule(bridge, POSTROUTING, family, fromLoopback.masquerade())
                    .chain(family, bridge, GUARD, ChainType.RAW, Hook.PREROUTING)
                    .rule(
                            bridge,
                            GUARD,
                            family,
                            rule(family).from(bridge).destination(LOOPBACK).drop())
                    .rule(
                            bridge,
                            GUARD,
                            family,
                            rule(family).from(bridge).source(LOOPBACK).drop());
        }
    }

    /** Opens the ports of a pod. ENOENT if the table is gone, EEXIST if an entry is there. */
    @Override
    public void open(Lease lease) throws LinuxException {
        if (!lease.ports().isEmpty()) {
            NftBatch batch = new NftBatch();
            entries(batch, lease, true);
            batch.commit("open the host ports of " + lease.podId());
        }
    }

    /** Closes the ports of a pod. ENOENT if one is not open. */
    @Override
    public void close(Lease lease) throws LinuxException {
        if (!lease.ports().isEmpty()) {
            NftBatch batch = new NftBatch();
            entries(batch, lease, false);
            batch.commit("close the host ports of " + lease.podId());
        }
    }

    private void entries(NftBatch batch, Lease lease, boolean add) {
        for (IpPrefix address : lease.addresses()) {
            for (PortMapping port : lease.ports()) {
                if (HostAddress.opens(port, address.isV6())) {
                    entry(batch, address.address(), port, add);
                }
            }
        }
    }

    private void entry(NftBatch batch, InetAddress pod, PortMapping port, boolean add) {
        NftFamily family = family(IpPrefix.host(pod));
        InetAddress at = HostAddress.of(port).orElse(null);
        String map = at == null ? PORTS : AT;
        PortKey key = new PortKey(port.protocol().number(), at, port.hostPort());
        if (add) {
            batch.add(family, bridge, map, key, pod, port.containerPort());
        } else {
            batch.remove(family, bridge, map, key);
        }
    }

    /** Removes everything. Harmless if there is nothing. */
    @Override
    public void uninstall() throws LinuxException {
        for (NftFamily family : NftFamily.values()) {
            try {
                new NftBatch().deleteTable(family, bridge).commit("delete table " + bridge);
            } catch (LinuxException e) {
                if (!e.is(Errno.ENOENT)) {
                    throw e;
                }
            }
        }
    }

    private static NftRule rule(NftFamily family) {
        return new NftRule(family);
    }

    private static NftFamily family(IpPrefix prefix) {
        return prefix.isV6() ? NftFamily.IPV6 : NftFamily.IPV4;
    }
}

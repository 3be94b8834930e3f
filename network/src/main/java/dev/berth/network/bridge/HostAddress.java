package dev.berth.network.bridge;

import dev.berth.kernel.Fault;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.PodNetworkRequest.PortMapping;
import java.net.InetAddress;
import java.util.Optional;

/** The address of the node at which a host port is open: none, or {@code 0.0.0.0} or {@code ::}, for all of them. */
final class HostAddress {
    private HostAddress() {}

    /** The one address of a port, empty if it is open at all of them. */
    static Optional<InetAddress> of(PortMapping port) {
        if (port.hostIp().isEmpty()) {
            return Optional.empty();
        }
        InetAddress address = IpPrefix.address(port.hostIp());
        return address.isAnyLocalAddress() ? Optional.empty() : Optional.of(address);
    }

    /** Whether a port is open for this family: {@code 0.0.0.0} means IPv4 only, {@code ::} IPv6 only. */
    static boolean opens(PortMapping port, boolean v6) {
        return port.hostIp().isEmpty() || port.hostIp().indexOf(':') >= 0 == v6;
    }

    /** Whether the same packet could be meant for both. */
    static boolean overlap(String one, String other) {
        if (one.isEmpty() || other.isEmpty()) {
            return true;
        }
        InetAddress a = IpPrefix.address(one);
        InetAddress b = IpPrefix.address(other);
        boolean sameFamily = a.getAddress().length == b.getAddress().length;
        return sameFamily && (a.isAnyLocalAddress() || b.isAnyLocalAddress() || a.equals(b));
    }

    /** @throws Fault INVALID_ARGUMENT for what can't be a port mapping */
    static void check(String podId, PortMapping port) {
        if (!isPort(port.hostPort()) || !isPort(port.containerPort())) {
            throw Fault.invalid(
                    "attach pod " + podId,
                    "host port " + port.hostPort() + " to container port " + port.containerPort(),
                    "Ports are between 1 and 65535");
        }
        try {
            of(port);
        } catch (IllegalArgumentException e) {
            throw Fault.invalid(
                            "attach pod " + podId,
                            "the host IP of port " + port.hostPort() + " is not an address",
                            "Use an address of the node, or none for all")
                    .causedBy(e);
        }
    }

    private static boolean isPort(int number) {
        return number > 0 && number < 65536;
    }
}

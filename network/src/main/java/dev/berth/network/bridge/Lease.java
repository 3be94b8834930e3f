package dev.berth.network.bridge;

import dev.berth.kernel.Fault;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.PodNetworkRequest.PortMapping;
import dev.berth.network.PodNetworkRequest.Protocol;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/** What a pod has of this network: its addresses, each with the length of its range, and its ports of the node. */
record Lease(String podId, List<IpPrefix> addresses, List<PortMapping> ports) {
    private static final String NONE = "-";

    /** The name of the pod's interface on the node: the same for the same pod, whatever address it got. */
    String veth() {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(podId.getBytes(StandardCharsets.UTF_8));
            return "veth" + HexFormat.of().formatHex(hash, 0, 5);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** The bridge's addresses in the ranges of this pod. */
    List<IpPrefix> gateways() {
        return addresses.stream()
                .map(a -> new IpPrefix(a.network().at(Ranges.GATEWAY), a.bits()))
                .toList();
    }

    /** Made from the address, so that a neighbour that remembers the address from an earlier pod is not wrong about it. */
    String mac() {
        return macOf(addresses.getFirst());
    }

    static String macOf(IpPrefix address) {
        byte[] bytes = address.address().getAddress();
        return "0a:58:" + HexFormat.ofDelimiter(":").formatHex(bytes, bytes.length - 4, bytes.length);
    }

    /** One line for the journal, without spaces in its parts. */
    String text() {
        return podId
                + " " + addresses.stream().map(IpPrefix::toString).collect(Collectors.joining(","))
                + " "
                + (ports.isEmpty() ? NONE : ports.stream().map(Lease::text).collect(Collectors.joining(",")));
    }

    private static String text(PortMapping port) {
        String at = port.hostIp().isEmpty() ? NONE : port.hostIp();
        return port.protocol() + "/" + port.containerPort() + "/" + port.hostPort() + "/" + at;
    }

    /**
     * The inverse of {@link #text}.
     *
     * @throws IllegalArgumentException if it is not of that form
     * @throws Fault INVALID_ARGUMENT if no pod can have that
     */
    static Lease parse(String text) {
        String[] parts = text.split(" ", -1);
        if (parts.length != 3 || parts[0].isEmpty()) {
            throw new IllegalArgumentException("a lease has three parts: " + text);
        }
        List<IpPrefix> addresses =
                Arrays.stream(parts[1].split(",", -1)).map(IpPrefix::parse).toList();
        BridgeConfig.checkSubnets(addresses.stream().map(IpPrefix::network).toList());
        List<PortMapping> ports = parts[2].equals(NONE)
                ? List.of()
                : Arrays.stream(parts[2].split(",", -1)).map(Lease::port).toList();
        ports.forEach(port -> HostAddress.check(parts[0], port));
        return new Lease(parts[0], addresses, ports);
    }

    private static PortMapping port(String text) {
        String[] parts = text.split("/", -1);
        if (parts.length != 4) {
            throw new IllegalArgumentException("a port has four parts: " + text);
        }
        return new PortMapping(
                Protocol.valueOf(parts[0]),
                Integer.parseInt(parts[1]),
                Integer.parseInt(parts[2]),
                parts[3].equals(NONE) ? "" : parts[3]);
    }
}

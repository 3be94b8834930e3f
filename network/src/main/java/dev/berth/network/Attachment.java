package dev.berth.network;

import dev.berth.linux.netlink.IpPrefix;
import io.avaje.jsonb.Json;
import java.net.InetAddress;
import java.util.List;

/**
 * How a pod is connected.
 *
 * @param ips its addresses on {@link PodNetworkRequest#INTERFACE}, each as {@code 10.88.0.2/16}; the first is the pod's own
 * @param interfaces those that were made for it, inside its namespace and outside
 * @param result the network's own account of it, JSON in the form of a CNI result, for the verbose status
 */
@Json
public record Attachment(List<String> ips, List<Interface> interfaces, String result) {
    public Attachment {
        ips = List.copyOf(ips);
        interfaces = List.copyOf(interfaces);
    }

    /**
     * A network interface.
     *
     * @param sandbox path of the namespace that it is in; empty for the node's own
     */
    @Json
    public record Interface(String name, String mac, String sandbox) {}

    /** The addresses without the length of their prefix. */
    public List<InetAddress> addresses() {
        return ips.stream().map(ip -> IpPrefix.parse(ip).address()).toList();
    }

    /** The same in the usual text, which is short for IPv6: Kubernetes compares texts. */
    public List<String> texts() {
        return addresses().stream().map(IpPrefix::text).toList();
    }
}

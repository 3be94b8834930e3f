package dev.berth.network;

import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A pod that wants a network.
 *
 * @param id of the sandbox
 * @param name of the pod in Kubernetes
 * @param namespace of the pod in Kubernetes
 * @param netns path of its pinned network namespace
 * @param ports those without a host port are ignored
 * @param bandwidth null for no limit
 * @param dns null if the pod has none of its own
 * @param annotations of the pod; a network may be told things by them
 * @param cgroupParent as CRI gives it; empty if unknown
 * @param ips addresses that the pod wishes to have; empty for any
 * @param mac the MAC address that it wishes to have; empty for any
 */
@Json
public record PodNetworkRequest(
        String id,
        String name,
        String namespace,
        String uid,
        String netns,
        List<PortMapping> ports,
        @Nullable Bandwidth bandwidth,
        @Nullable Dns dns,
        Map<String, String> annotations,
        String cgroupParent,
        List<String> ips,
        String mac) {
    /** The name of the interface inside every pod. */
    public static final String INTERFACE = "eth0";

    public PodNetworkRequest {
        ports = List.copyOf(ports);
        annotations = Map.copyOf(annotations);
        ips = List.copyOf(ips);
    }

    /** A pod with no wishes. */
    public static PodNetworkRequest plain(String id, String name, String namespace, String uid, String netns) {
        return new PodNetworkRequest(
                id, name, namespace, uid, netns, List.of(), null, null, Map.of(), "", List.of(), "");
    }

    /** The ports that the node forwards. */
    public List<PortMapping> hostPorts() {
        return ports.stream().filter(port -> port.hostPort() != 0).toList();
    }

    /**
     * A port of the node that leads into the pod.
     *
     * @param hostPort 0 for none
     * @param hostIp the address of the node at which it is open; empty for all
     */
    @Json
    public record PortMapping(Protocol protocol, int containerPort, int hostPort, String hostIp) {}

    /** What runs on top of IP, with its number there. */
    public enum Protocol {
        TCP(6),
        UDP(17),
        SCTP(132);

        private final int number;

        Protocol(int number) {
            this.number = number;
        }

        public int number() {
            return number;
        }
    }

    /** What to resolve names with; given to plugins that ask for it. */
    @Json
    public record Dns(List<String> servers, List<String> searches, List<String> options) {}
}

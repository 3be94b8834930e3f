package dev.berth.network.cni;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.Bandwidth;
import dev.berth.network.PodNetworkRequest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What plugins are told about a pod.
 *
 * @param args CNI_ARGS
 * @param capabilities values for every capability that a plugin may declare, by its name; the plugin gets those it declares
 */
record PodArguments(String id, String netns, String args, JsonObject capabilities) {
    /** Plugins and containerd use this for "no limit of the burst". */
    private static final long BURST_BITS = Integer.MAX_VALUE;

    /**
     * @param ranges address ranges of this node, for plugins that declare ipRanges
     * @throws Fault INVALID_ARGUMENT if a name of the pod could be taken for something else inside CNI_ARGS
     */
    static PodArguments of(PodNetworkRequest request, List<IpPrefix> ranges) {
        Map<String, String> args = new LinkedHashMap<>();
        args.put("IgnoreUnknown", "1");
        args.put("K8S_POD_NAMESPACE", request.namespace());
        args.put("K8S_POD_NAME", request.name());
        args.put("K8S_POD_INFRA_CONTAINER_ID", Ids.check("attach pod", request.id()));
        args.put("K8S_POD_UID", request.uid());
        List<String> pairs = new ArrayList<>();
        args.forEach((name, value) -> pairs.add(name + "=" + checked(request.id(), name, value)));
        return new PodArguments(request.id(), request.netns(), String.join(";", pairs), capabilities(request, ranges));
    }

    private static String checked(String id, String name, String value) {
        boolean safe = value.chars().allMatch(c -> c > ' ' && c < 0x7f && c != ';' && c != '=');
        if (!safe || value.length() > 253) {
            throw Fault.invalid(
                    "attach pod " + id,
                    "its " + name + " can't be given to CNI plugins",
                    "Names of Kubernetes have letters, digits, - and . only");
        }
        return value;
    }

    private static JsonObject capabilities(PodNetworkRequest request, List<IpPrefix> ranges) {
        JsonObject all = JsonObject.EMPTY;
        if (!request.hostPorts().isEmpty()) {
            all = all.with(
                    "portMappings",
                    request.hostPorts().stream().map(PodArguments::port).toList());
        }
        Bandwidth bandwidth = request.bandwidth();
        if (bandwidth != null) {
            all = all.with("bandwidth", bandwidth(bandwidth));
        }
        PodNetworkRequest.Dns dns = request.dns();
        if (dns != null) {
            all = all.with(
                    "dns",
                    JsonObject.of("servers", dns.servers())
                            .with("searches", dns.searches())
                            .with("options", dns.options()));
        }
        if (!request.ips().isEmpty()) {
            all = all.with("ips", request.ips());
        }
        if (!request.mac().isEmpty()) {
            all = all.with("mac", request.mac());
        }
        if (!request.annotations().isEmpty()) {
            all = all.with(
                    "io.kubernetes.cri.pod-annotations", new JsonObject(new LinkedHashMap<>(request.annotations())));
        }
        if (!request.cgroupParent().isEmpty()) {
            all = all.with("cgroupPath", request.cgroupParent());
        }
        if (!ranges.isEmpty()) {
            all = all.with(
                    "ipRanges",
                    ranges.stream()
                            .map(r -> List.of(JsonObject.of("subnet", r.toString())))
                            .toList());
        }
        return all;
    }

    private static JsonObject port(PodNetworkRequest.PortMapping port) {
        return JsonObject.of("hostPort", Json.Figure.of(port.hostPort()))
                .with("containerPort", Json.Figure.of(port.containerPort()))
                .with("protocol", port.protocol().name().toLowerCase(Locale.ROOT))
                .with("hostIP", port.hostIp());
    }

    private static JsonObject bandwidth(Bandwidth limits) {
        JsonObject all = JsonObject.EMPTY;
        if (limits.ingressBitsPerSecond() > 0) {
            all = all.with("ingressRate", Json.Figure.of(limits.ingressBitsPerSecond()))
                    .with("ingressBurst", Json.Figure.of(BURST_BITS));
        }
        if (limits.egressBitsPerSecond() > 0) {
            all = all.with("egressRate", Json.Figure.of(limits.egressBitsPerSecond()))
                    .with("egressBurst", Json.Figure.of(BURST_BITS));
        }
        return all;
    }

    /** A plugin's configuration with the values for the capabilities that it declares, and with the result so far. */
    JsonObject tell(JsonObject config, @Nullable JsonObject previous) {
        JsonObject wanted = JsonObject.EMPTY;
        for (Map.Entry<String, @Nullable Object> declared :
                config.object("capabilities").members().entrySet()) {
            if (Boolean.TRUE.equals(declared.getValue()) && capabilities.has(declared.getKey())) {
                wanted = wanted.with(declared.getKey(), capabilities.members().get(declared.getKey()));
            }
        }
        JsonObject told = wanted.members().isEmpty() ? config : config.with("runtimeConfig", wanted);
        return previous == null ? told : told.with("prevResult", previous);
    }
}

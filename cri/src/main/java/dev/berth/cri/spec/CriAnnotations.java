package dev.berth.cri.spec;

import dev.berth.cri.config.PodConfig;
import dev.berth.cri.config.PodConfig.PodMetadata;
import dev.berth.cri.config.Resources;
import java.util.Map;
import java.util.TreeMap;

/**
 * The annotations {@code io.kubernetes.cri.*} by which shims tell the containers of a pod apart, as containerd writes them.
 * Annotations of the pod and the container are not passed on: to a runtime some of them are commands.
 */
public final class CriAnnotations {
    private static final String PREFIX = "io.kubernetes.cri.";

    private CriAnnotations() {}

    static Map<String, String> ofContainer(SpecRequest request) {
        Map<String, String> all = common(request.pod().id(), request.pod().config());
        all.put(PREFIX + "container-type", "container");
        all.put(PREFIX + "container-name", request.config().metadata().name());
        all.put(PREFIX + "image-name", request.imageName());
        return all;
    }

    /** The annotations of the sandbox container that shims such as Kata's and gVisor's expect first. */
    public static Map<String, String> ofSandbox(String podId, PodConfig pod) {
        Map<String, String> all = common(podId, pod);
        all.put(PREFIX + "container-type", "sandbox");
        all.put(PREFIX + "sandbox-log-directory", pod.logDirectory());
        Resources resources = pod.resources();
        if (resources != null) {
            all.put(PREFIX + "sandbox-cpu-period", Long.toString(resources.cpuPeriod()));
            all.put(PREFIX + "sandbox-cpu-quota", Long.toString(resources.cpuQuota()));
            all.put(PREFIX + "sandbox-cpu-shares", Long.toString(resources.cpuShares()));
            all.put(PREFIX + "sandbox-memory", Long.toString(resources.memoryLimit()));
        }
        return all;
    }

    private static Map<String, String> common(String podId, PodConfig pod) {
        PodMetadata metadata = pod.metadata();
        Map<String, String> all = new TreeMap<>();
        all.put(PREFIX + "sandbox-id", podId);
        all.put(PREFIX + "sandbox-name", metadata.name());
        all.put(PREFIX + "sandbox-namespace", metadata.namespace());
        all.put(PREFIX + "sandbox-uid", metadata.uid());
        return all;
    }
}

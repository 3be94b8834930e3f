package dev.berth.cri;

import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.PodConfig;
import dev.berth.cri.config.Resources;
import dev.berth.images.Image;
import io.avaje.jsonb.JsonType;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What only a curious reader asks for. Under the key {@code info} it is what containerd tells, by containerd's names, for the
 * scripts that were written for it ({@code crictl inspect | jq .info.pid}); under other keys it is ours. Made for those who ask.
 */
final class Verbose {
    /** What stands for a field of an image's config that is not there. */
    private static final Set<Object> NOTHING = Set.of("", false, List.of(), Map.of());

    private final JsonType<Object> json = Ledger.json().type(Object.class);
    private final CriContext context;
    private final ContainerMaking making;

    Verbose(CriContext context, ContainerMaking making) {
        this.context = context;
        this.making = making;
    }

    Map<String, String> of(Pod pod) {
        var answer = new LinkedHashMap<String, String>();
        answer.put("timeline", timeline(pod.timeline()));
        Resources limits = pod.config().resources();
        if (limits != null) {
            answer.put("resources", limits.toString());
        }
        Resources overhead = pod.config().overhead();
        if (overhead != null) {
            answer.put("overhead", overhead.toString());
        }
        if (pod.netns() != null) {
            answer.put("networkNamespace", pod.netns());
        }
        var info = new LinkedHashMap<String, Object>();
        info.put("pid", pid(pod));
        info.put("processStatus", pod.ready() ? "running" : "exited");
        info.put("netNamespaceClosed", !pod.ready());
        info.put("snapshotter", making.snapshotter(pod).name());
        info.put("runtimeHandler", pod.handler());
        info.put("config", config(pod.config()));
        if (pod.netns() != null) {
            info.put("runtimeSpec", Map.of("linux", Map.of("namespaces", List.of(network(pod.netns())))));
            info.put("cniResult", Map.of("Interfaces", Map.of("eth0", addresses(pod))));
        }
        answer.put("info", json.toJson(info));
        return answer;
    }

    /** A pod has no process of its own, unless its containers share one; whoever enters a pod by a process gets one that is in it. */
    private int pid(Pod pod) {
        return context.ledger().containersOf(pod.id()).stream()
                .filter(container -> container.state() == ContainerState.RUNNING)
                .mapToInt(container -> container.life().pid())
                .findFirst()
                .orElse(0);
    }

    private static Map<String, Object> network(String path) {
        return Map.of("type", "network", "path", path);
    }

    private static Map<String, Object> addresses(Pod pod) {
        return Map.of(
                "IPConfigs",
                pod.ips().stream().map(address -> Map.of("IP", address)).toList());
    }

    Map<String, String> of(Container container) {
        var answer = new LinkedHashMap<String, String>();
        answer.put("timeline", timeline(container.timeline()));
        answer.put("pid", String.valueOf(container.life().pid()));
        answer.put("snapshot", container.snapshot());
        Optional<Pod> pod = context.ledger().findPod(container.podId());
        var info = new LinkedHashMap<String, Object>();
        info.put("sandboxID", container.podId());
        info.put("pid", container.life().pid());
        info.put("removing", false);
        info.put("snapshotKey", container.snapshot());
        info.put("snapshotter", making.snapshotter(container).name());
        info.put("runtimeHandler", pod.map(Pod::handler).orElse(""));
        info.put("config", config(container.config(), container.resources()));
        answer.put(
                "info",
                with(json.toJson(info), "runtimeSpec", making.spec(container).toJson()));
        return answer;
    }

    Map<String, String> of(Image image) {
        var config = (Map<?, ?>) json.fromJson(new String(image.config().toJson(), StandardCharsets.UTF_8));
        return Map.of("info", json.toJson(Map.of("chainID", image.snapshot(), "imageSpec", said(config))));
    }

    /** As its maker wrote it: without the fields that were not there. */
    private static Map<String, Object> said(Map<?, ?> config) {
        var said = new LinkedHashMap<String, Object>();
        config.forEach((key, value) -> {
            if (value == null || NOTHING.contains(value)) {
                return;
            }
            said.put(
                    String.valueOf(key),
                    switch (value) {
                        case Map<?, ?> execution when key.equals("config") -> said(execution);
                        case List<?> history
                        when key.equals("history") ->
                            history.stream().map(step -> said((Map<?, ?>) step)).toList();
                        default -> value; // what is in it has meaning also if it is empty, as a label without a value
                    });
        });
        return said;
    }

    /** A member more for an object that has some: a spec is too large to be read only to be written again. */
    private static String with(String object, String name, byte[] value) {
        return object.substring(0, object.length() - 1) + ",\"" + name + "\":"
                + new String(value, StandardCharsets.UTF_8) + "}";
    }

    private static Map<String, Object> config(PodConfig config) {
        var answer = new LinkedHashMap<String, Object>();
        var metadata = config.metadata();
        answer.put(
                "metadata",
                Map.of(
                        "name", metadata.name(),
                        "uid", metadata.uid(),
                        "namespace", metadata.namespace(),
                        "attempt", metadata.attempt()));
        answer.put("hostname", config.hostname());
        answer.put("log_directory", config.logDirectory());
        answer.put("labels", config.labels());
        answer.put("annotations", config.annotations());
        answer.put(
                "linux",
                Map.of(
                        "cgroup_parent", config.cgroupParent(),
                        "sysctls", config.sysctls(),
                        "security_context",
                                Map.of(
                                        "namespace_options", namespaces(config.namespaces()),
                                        "privileged", config.privileged())));
        return answer;
    }

    /** By the protocol's numbers, as containerd writes them. */
    private static Map<String, Object> namespaces(NamespaceOptions options) {
        return Map.of(
                "network", number(options.network()),
                "pid", number(options.pid()),
                "ipc", number(options.ipc()));
    }

    private static int number(NamespaceOptions.Mode mode) {
        return switch (mode) {
            case POD -> 0;
            case CONTAINER -> 1;
            case NODE -> 2;
            case TARGET -> 3;
        };
    }

    private static Map<String, Object> config(ContainerConfig config, @Nullable Resources resources) {
        var answer = new LinkedHashMap<String, Object>();
        answer.put(
                "metadata",
                Map.of(
                        "name", config.metadata().name(),
                        "attempt", config.metadata().attempt()));
        answer.put(
                "image",
                Map.of(
                        "image", config.image().image(),
                        "user_specified_image", config.image().userSpecifiedImage()));
        answer.put("command", config.command());
        answer.put("args", config.args());
        answer.put("working_dir", config.workingDir());
        answer.put(
                "envs",
                config.env().stream()
                        .map(variable -> Map.of("key", variable.name(), "value", variable.value()))
                        .toList());
        answer.put("mounts", config.mounts().stream().map(Verbose::mount).toList());
        answer.put("labels", config.labels());
        answer.put("annotations", config.annotations());
        answer.put("log_path", config.logPath());
        answer.put("stdin", config.stdin());
        answer.put("tty", config.tty());
        if (resources != null) {
            answer.put(
                    "linux",
                    Map.of(
                            "resources",
                            Map.of(
                                    "cpu_period", resources.cpuPeriod(),
                                    "cpu_quota", resources.cpuQuota(),
                                    "cpu_shares", resources.cpuShares(),
                                    "memory_limit_in_bytes", resources.memoryLimit(),
                                    "oom_score_adj", resources.oomScoreAdj())));
        }
        return answer;
    }

    private static Map<String, Object> mount(ContainerConfig.VolumeMount mount) {
        return Map.of(
                "container_path", mount.containerPath(),
                "host_path", mount.hostPath(),
                "readonly", mount.readonly());
    }

    private static String timeline(Iterable<Timing> steps) {
        var text = new StringBuilder();
        for (Timing step : steps) {
            text.append(String.format(Locale.ROOT, "%8.2f ms  %s%n", step.micros() / 1000.0, step.name()));
        }
        return text.toString();
    }
}

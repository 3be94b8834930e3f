package dev.berth.cri;

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
        info.put("snapshotter", making.layers().of(pod).name());
        info.put("runtimeHandler", pod.handler());
        info.put("config", AsAsked.pod(pod.config()));
        note(info, "overhead", overhead);
        note(info, "resources", limits);
        if (pod.netns() != null) {
            info.put("runtimeSpec", Map.of("linux", Map.of("namespaces", List.of(network(pod.netns())))));
            info.put("cniResult", Map.of("Interfaces", Map.of("eth0", addresses(pod))));
        }
        answer.put("info", json.toJson(info));
        return answer;
    }

    private static void note(Map<String, Object> info, String name, @Nullable Resources limits) {
        Map<String, Object> shown = AsAsked.resources(limits);
        if (shown != null) {
            info.put(name, Map.of("linux", shown));
        }
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
        info.put("snapshotter", making.layers().of(container).name());
        info.put("runtimeHandler", pod.map(Pod::handler).orElse(""));
        info.put("config", AsAsked.container(container.config(), container.resources()));
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

    private static String timeline(Iterable<Timing> steps) {
        var text = new StringBuilder();
        for (Timing step : steps) {
            text.append(String.format(Locale.ROOT, "%8.2f ms  %s%n", step.micros() / 1000.0, step.name()));
        }
        return text.toString();
    }
}

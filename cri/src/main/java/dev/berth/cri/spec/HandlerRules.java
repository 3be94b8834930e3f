package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.PodConfig;
import dev.berth.cri.config.Resources;
import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxResources;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.ProcessSpec;
import dev.berth.oci.RuntimeSpec;
import dev.berth.oci.RuntimeSpec.Hook;
import dev.berth.oci.RuntimeSpec.Hooks;
import dev.berth.oci.RuntimeSpec.Mount;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What an operator has decided about the containers of one runtime handler.
 *
 * @param podAnnotations which annotations of a pod its runtime gets to see
 * @param containerAnnotations which ones of a container
 * @param base what containers have besides what is asked for; null for nothing
 * @param snapshotter the name of the one on which its containers stand; empty for the main one
 */
public record HandlerRules(
        List<Pattern> podAnnotations,
        List<Pattern> containerAnnotations,
        @Nullable RuntimeSpec base,
        String snapshotter) {
    /** Nothing is added and nothing is let through. */
    public static final HandlerRules NONE = new HandlerRules(List.of(), List.of(), null, "");

    /**
     * The pattern of a name: {@code *} stands for anything but a slash, {@code ?} for one such character.
     *
     * @throws Fault INVALID_ARGUMENT for brackets, which could be meant in several ways
     */
    public static Pattern pattern(String text) {
        if (text.isEmpty() || text.matches("(?s).*[\\[\\]\\\\{}].*")) {
            throw Fault.invalid(
                    "pattern \"" + Shown.of(text) + "\" of annotations",
                    "it is empty or has brackets in it",
                    "Use * and ? only, as in io.katacontainers.*");
        }
        String regex = text.chars()
                .mapToObj(c -> switch (c) {
                    case '*' -> "[^/]*";
                    case '?' -> "[^/]";
                    default -> Pattern.quote(Character.toString(c));
                })
                .collect(Collectors.joining());
        return Pattern.compile(regex);
    }

    /** The spec as the handler is to get it. */
    public RuntimeSpec apply(RuntimeSpec spec, PodConfig pod, ContainerConfig container) {
        RuntimeSpec whole = base == null ? spec : over(base, spec, container.resources());
        Map<String, String> annotations = new HashMap<>(base == null ? Map.of() : base.annotations());
        annotations.putAll(allowed(pod.annotations(), podAnnotations));
        annotations.putAll(allowed(container.annotations(), containerAnnotations));
        annotations.putAll(spec.annotations()); // nobody can say for us whose container it is
        return whole.withAnnotations(annotations);
    }

    private static Map<String, String> allowed(Map<String, String> given, List<Pattern> patterns) {
        return given.entrySet().stream()
                .filter(entry -> patterns.stream()
                        .anyMatch(pattern -> pattern.matcher(entry.getKey()).matches()))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    /** What the base says and the request does not. */
    private static RuntimeSpec over(RuntimeSpec base, RuntimeSpec spec, @Nullable Resources request) {
        RuntimeSpec filled =
                spec.withHooks(hooks(base.hooks(), spec.hooks())).withMounts(mounts(base.mounts(), spec.mounts()));
        ProcessSpec process = base.process();
        if (process != null) {
            filled = filled.withProcess(spec.needProcess()
                    .withRlimits(process.rlimits())
                    .with(
                            spec.needProcess().user(),
                            env(process.env(), spec.needProcess().env())));
        }
        LinuxSpec linux = base.linux();
        if (linux != null && linux.resources() != null) {
            LinuxResources asked = Objects.requireNonNullElse(spec.needLinux().resources(), LinuxResources.NONE);
            LinuxResources limits =
                    ResourcePart.over(linux.resources(), asked, request != null && request.cpuQuota() < 0);
            filled = filled.withLinux(spec.needLinux().withResources(limits.withDevices(asked.devices())));
        }
        return filled;
    }

    /** Both; a device may need what the operator's own hooks have prepared. */
    private static @Nullable Hooks hooks(@Nullable Hooks base, @Nullable Hooks devices) {
        if (base == null || devices == null) {
            return base == null ? devices : base;
        }
        return new Hooks(
                both(base.prestart(), devices.prestart()),
                both(base.createRuntime(), devices.createRuntime()),
                both(base.createContainer(), devices.createContainer()),
                both(base.startContainer(), devices.startContainer()),
                both(base.poststart(), devices.poststart()),
                both(base.poststop(), devices.poststop()));
    }

    private static List<Hook> both(List<Hook> first, List<Hook> then) {
        return Stream.concat(first.stream(), then.stream()).toList();
    }

    private static List<Mount> mounts(List<Mount> base, List<Mount> asked) {
        List<Mount> all = new ArrayList<>(asked);
        for (Mount mount : base) {
            if (asked.stream().noneMatch(m -> m.destination().equals(mount.destination()))) {
                all.add(mount);
            }
        }
        all.sort(Comparator.comparingInt(m -> m.destination().split("/+", -1).length));
        return all;
    }

    private static List<String> env(List<String> base, List<String> asked) {
        List<String> all = new ArrayList<>();
        for (String variable : base) {
            String name = variable.substring(0, variable.indexOf('=') + 1);
            if (!name.isEmpty() && asked.stream().noneMatch(a -> a.startsWith(name))) {
                all.add(variable);
            }
        }
        all.addAll(asked);
        return all;
    }
}

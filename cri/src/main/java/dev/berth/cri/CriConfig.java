package dev.berth.cri;

import dev.berth.cri.spec.HandlerRules;
import dev.berth.cri.spec.SpecBuilder;
import dev.berth.kernel.Fault;
import java.nio.file.Path;
import java.util.Map;

/**
 * What this room is told once.
 *
 * @param name how the runtime names itself
 * @param root durable directory
 * @param state volatile directory
 * @param specs how specs of containers are made
 * @param handlers by the names of the runtime handlers; "" is the default
 */
public record CriConfig(
        String name,
        String version,
        Path root,
        Path state,
        SpecBuilder.Settings specs,
        Map<String, HandlerRules> handlers) {
    public CriConfig {
        handlers = Map.copyOf(handlers);
    }

    /** Whether cgroup parents are systemd slices. */
    boolean systemdCgroups() {
        return specs.systemdCgroups();
    }

    /** What applies to the containers of a pod; of a handler that is no more, nothing. */
    HandlerRules rules(String handler) {
        return handlers.getOrDefault(handler, HandlerRules.NONE);
    }

    /** @throws Fault INVALID_ARGUMENT if there is no such handler */
    void requireHandler(String handler) {
        if (!handlers.containsKey(handler)) {
            throw Fault.invalid(
                    "runtime handler \"" + handler + "\"",
                    "there is none of this name",
                    "Use one of "
                            + handlers.keySet().stream()
                                    .filter(h -> !h.isEmpty())
                                    .sorted()
                                    .toList() + ", or add it to the config as [runtime." + handler + "]");
        }
    }
}

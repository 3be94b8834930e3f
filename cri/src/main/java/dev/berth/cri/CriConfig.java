package dev.berth.cri;

import dev.berth.kernel.Fault;
import java.nio.file.Path;
import java.util.Set;

/**
 * What this room is told once.
 *
 * @param name how the runtime names itself
 * @param root durable directory
 * @param state volatile directory
 * @param systemdCgroups whether cgroup parents are systemd slices
 * @param handlers names of the runtime handlers; "" is the default
 */
public record CriConfig(
        String name, String version, Path root, Path state, boolean systemdCgroups, Set<String> handlers) {
    /** @throws Fault INVALID_ARGUMENT if there is no such handler */
    void requireHandler(String handler) {
        if (!handlers.contains(handler)) {
            throw Fault.invalid(
                    "runtime handler \"" + handler + "\"",
                    "there is none of this name",
                    "Use one of "
                            + handlers.stream()
                                    .filter(h -> !h.isEmpty())
                                    .sorted()
                                    .toList() + ", or add it to the config as [runtime." + handler + "]");
        }
    }
}

package dev.berth.cri;

import dev.berth.cri.Node.Condition;
import dev.berth.cri.Node.HandlerStatus;
import dev.berth.kernel.Fault;
import dev.berth.tasks.SupervisorInfo;
import dev.berth.tasks.Tasks;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the supervisor found out about the OCI runtimes, in CRI's words. */
final class Runtimes {
    private final List<SupervisorInfo.OciRuntime> found;
    private final Map<String, SupervisorInfo.Readiness> handlers;
    private final String unreachable;

    private Runtimes(
            List<SupervisorInfo.OciRuntime> found, Map<String, SupervisorInfo.Readiness> handlers, String unreachable) {
        this.found = found;
        this.handlers = handlers;
        this.unreachable = unreachable;
    }

    static Runtimes of(Tasks tasks) {
        try {
            SupervisorInfo info = tasks.runtimes();
            return new Runtimes(info.runtimes(), tasks.handlers(info), "");
        } catch (Fault e) {
            return new Runtimes(List.of(), Map.of(), String.valueOf(e.getMessage()));
        }
    }

    /** Whether pods that name no handler can run: that is what a node is for. */
    Condition condition() {
        if (!unreachable.isEmpty()) {
            return new Condition("RuntimeReady", false, "SupervisorNotReady", unreachable);
        }
        String obstacle = readiness("").obstacle();
        return obstacle.isEmpty()
                ? new Condition("RuntimeReady", true, "", "")
                : new Condition("RuntimeReady", false, "NoRuntime", obstacle);
    }

    private SupervisorInfo.Readiness readiness(String handler) {
        return handlers.getOrDefault(handler, new SupervisorInfo.Readiness("", null));
    }

    /**
     * The default, and one handler for each name of the config.
     *
     * @param userNamespaces whether the node can give pods user namespaces; who runs containers with a shim of his own cannot
     *     have them
     */
    List<HandlerStatus> handlers(Iterable<String> names, boolean userNamespaces) {
        var statuses = new ArrayList<HandlerStatus>();
        for (String name : names) {
            String features = readiness(name).features();
            statuses.add(new HandlerStatus(
                    name,
                    features != null && recursiveReadOnly(features),
                    userNamespaces && features != null && userNamespace(features)));
        }
        return statuses;
    }

    /** The runtime lists {@code rro} among the mount options that it knows. */
    private static boolean recursiveReadOnly(String features) {
        return features.contains("\"rro\"");
    }

    /** One that tells which kinds of namespaces it knows must know this one; older ones all do. */
    private static boolean userNamespace(String features) {
        return !features.contains("\"namespaces\"") || features.contains("\"user\"");
    }

    Map<String, String> info() {
        var info = new LinkedHashMap<String, String>();
        for (SupervisorInfo.OciRuntime runtime : found) {
            info.put(
                    "runtime." + runtime.name(),
                    runtime.usable()
                            ? runtime.path() + " " + runtime.version()
                            : "not used: " + runtime.reason() + ". " + runtime.remedy());
        }
        handlers.forEach((name, readiness) -> {
            if (!readiness.obstacle().isEmpty()) {
                info.put("runtime." + (name.isEmpty() ? "default" : name), "not used: " + readiness.obstacle());
            }
        });
        return info;
    }
}

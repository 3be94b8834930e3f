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
import java.util.Optional;
import java.util.stream.Collectors;

/** What the supervisor found out about the OCI runtimes, in CRI's words. */
final class Runtimes {
    private final List<SupervisorInfo.OciRuntime> found;
    private final String unreachable;

    private Runtimes(List<SupervisorInfo.OciRuntime> found, String unreachable) {
        this.found = found;
        this.unreachable = unreachable;
    }

    static Runtimes of(Tasks tasks) {
        try {
            return new Runtimes(tasks.runtimes().runtimes(), "");
        } catch (Fault e) {
            return new Runtimes(List.of(), String.valueOf(e.getMessage()));
        }
    }

    Condition condition() {
        if (!unreachable.isEmpty()) {
            return new Condition("RuntimeReady", false, "SupervisorNotReady", unreachable);
        }
        if (found.stream().anyMatch(SupervisorInfo.OciRuntime::usable)) {
            return new Condition("RuntimeReady", true, "", "");
        }
        String reasons = found.stream()
                .map(runtime -> runtime.name() + ": " + runtime.reason() + ". " + runtime.remedy())
                .collect(Collectors.joining("; "));
        return new Condition(
                "RuntimeReady",
                false,
                "NoRuntime",
                reasons.isEmpty() ? "No OCI runtime was found. Install crun or runc" : reasons);
    }

    /**
     * The default, and one handler for each name of the config.
     *
     * @param userNamespaces whether the node can give pods user namespaces; who runs containers with a shim of his own cannot
     *     have them
     */
    List<HandlerStatus> handlers(Iterable<String> names, boolean userNamespaces) {
        var handlers = new ArrayList<HandlerStatus>();
        for (String name : names) {
            Optional<SupervisorInfo.OciRuntime> runtime = found.stream()
                    .filter(SupervisorInfo.OciRuntime::usable)
                    .filter(r -> name.isEmpty() || r.name().equals(name))
                    .findFirst();
            handlers.add(new HandlerStatus(
                    name,
                    runtime.map(SupervisorInfo.OciRuntime::features)
                            .filter(Runtimes::recursiveReadOnly)
                            .isPresent(),
                    userNamespaces
                            && runtime.map(SupervisorInfo.OciRuntime::features)
                                    .filter(Runtimes::userNamespace)
                                    .isPresent()));
        }
        return handlers;
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
        return info;
    }
}

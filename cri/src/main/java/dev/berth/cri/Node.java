package dev.berth.cri;

import dev.berth.images.Images;
import dev.berth.kernel.Fault;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.NetworkState;
import dev.berth.network.PodNetworks;
import dev.berth.tasks.Tasks;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Supplier;

/** What can be said of the node as a whole: whether it can run pods, with which handlers, and how. */
public final class Node {
    /** One thing that must be true for pods to run. {@code reason} is one word; both texts are empty if it is met. */
    public record Condition(String type, boolean met, String reason, String message) {}

    /** A runtime handler and what containers may ask of it. The name "" is the default. */
    public record HandlerStatus(String name, boolean recursiveReadOnlyMounts, boolean userNamespaces) {}

    /**
     * The whole answer.
     *
     * @param info verbose facts, as JSON or plain text
     */
    public record Status(List<Condition> conditions, List<HandlerStatus> handlers, Map<String, String> info) {}

    private final Supplier<CriConfig> config;
    private final Tasks tasks;
    private final PodNetworks networks;
    private final UserNamespaceSupport userNamespaces;
    private final Images images;

    Node(
            Supplier<CriConfig> config,
            Tasks tasks,
            PodNetworks networks,
            UserNamespaceSupport userNamespaces,
            Images images) {
        this.images = images;
        this.userNamespaces = userNamespaces;
        this.config = config;
        this.tasks = tasks;
        this.networks = networks;
    }

    public String name() {
        return config.get().name();
    }

    public String version() {
        return config.get().version();
    }

    /** The directory that holds images and writable layers. */
    public String imageFilesystem() {
        return config.get().root().resolve("snapshots").toString();
    }

    public boolean systemdCgroups() {
        return config.get().systemdCgroups();
    }

    /** Takes the pod addresses that the cluster gave this node; empty changes nothing. */
    public void podCidr(String ranges) throws InterruptedException {
        if (ranges.isEmpty()) {
            return;
        }
        try {
            networks.updatePodCidr(Arrays.stream(ranges.split(",", -1))
                    .map(String::strip)
                    .map(IpPrefix::parse)
                    .toList());
        } catch (IllegalArgumentException e) {
            throw Fault.invalid("pod CIDR \"" + ranges + "\"", String.valueOf(e.getMessage()), "Write 10.1.0.0/24")
                    .causedBy(e);
        }
    }

    /**
     * Conditions and handlers as they are now.
     *
     * @param verbose with the facts, which are left out else
     */
    public Status status(boolean verbose) throws InterruptedException {
        Runtimes runtimes = Runtimes.of(tasks);
        NetworkState network = networks.state();
        var conditions = new ArrayList<Condition>();
        conditions.add(runtimes.condition());
        conditions.add(new Condition("NetworkReady", network.ready(), network.reason(), network.message()));
        boolean users = userNamespaces.obstacle().isEmpty();
        Map<String, String> info = new LinkedHashMap<>();
        if (verbose) {
            info.putAll(runtimes.info());
            info.put("config", settings());
            info.put("lastCNILoadStatus", network.ready() ? "OK" : network.message());
            List<String> proxies = images.unusableProxies();
            if (!proxies.isEmpty()) { // pods run without what goes through them
                info.put("proxies", String.join("; ", proxies));
            }
        }
        return new Status(
                conditions,
                runtimes.handlers(new TreeSet<>(config.get().handlers().keySet()), users),
                info);
    }

    /** What containerd's clients look for there, by its names. */
    private String settings() {
        var settings = new LinkedHashMap<String, Object>();
        settings.put("rootDir", config.get().root().toString());
        settings.put("stateDir", config.get().state().toString());
        settings.put("systemdCgroup", config.get().systemdCgroups());
        settings.put(
                "runtimes",
                config.get().handlers().keySet().stream()
                        .filter(name -> !name.isEmpty())
                        .sorted()
                        .toList());
        return Ledger.json().type(Object.class).toJson(settings);
    }
}

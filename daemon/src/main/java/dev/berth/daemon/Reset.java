package dev.berth.daemon;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Dir;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.MountEntry;
import dev.berth.linux.Mounts;
import dev.berth.linux.Signals;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.network.NetworkNamespaces;
import dev.berth.network.PodNetworks;
import dev.berth.network.bridge.BridgeNetwork;
import dev.berth.tasks.TaskId;
import dev.berth.tasks.TaskState;
import dev.berth.tasks.Tasks;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Takes a stopped daemon's whole world away: containers, pods, networks, mounts, files. */
final class Reset {
    private static final Duration DAEMON_LIMIT = Duration.ofSeconds(15);
    private static final Duration KILL_LIMIT = Duration.ofSeconds(10);

    /** What has just ended may be in its cgroup for a moment. */
    private static final Duration EMPTY_LIMIT = Duration.ofSeconds(2);

    /** Where containers are whose pod named no parent: ours, and that of OCI runtimes for shims of others. */
    private static final List<String> SHARED_PARENTS = List.of("/berth", "/" + Namespace.KUBERNETES.name());

    private Reset() {}

    /** @param sure without it nothing is done */
    static int run(Config config, boolean sure, PrintStream out) throws IOException, InterruptedException {
        if (!sure) {
            throw Fault.invalid(
                    "reset",
                    "it ends all pods and removes " + config.root() + " and " + config.state(),
                    "Add --yes if that is what you want");
        }
        if (Files.isDirectory(config.state())) {
            try (StateLock _ = lock(config.state(), Ticker.system())) {
                endTasks(config);
                Map<String, Fault> connected = networks(config);
                if (!connected.isEmpty()) {
                    out.println("reset: these pods could not be disconnected from their network:");
                    connected.forEach((pod, why) -> out.println("  " + pod + ": " + why.getMessage()));
                    out.println(config.root() + " and " + config.state() + " stay, for they say what is to be undone;"
                            + " repair the network's plugins or config and reset again.");
                    return 1;
                }
                unmount(config.state());
                unmount(config.root());
            }
        }
        cgroups(config);
        remove(config.state());
        remove(config.root());
        out.println("reset: nothing is left of " + config.state() + " and " + config.root());
        return 0;
    }

    /** A daemon that was told to end just now needs a moment. */
    private static StateLock lock(Path state, Ticker ticker) throws IOException, InterruptedException {
        long start = ticker.nanos();
        while (true) {
            try {
                return StateLock.take(state);
            } catch (Fault e) {
                if (ticker.since(start).compareTo(DAEMON_LIMIT) > 0) {
                    throw e;
                }
                ticker.sleep(Duration.ofMillis(50));
            }
        }
    }

    private static void endTasks(Config config) throws IOException, InterruptedException {
        try (Tasks tasks = Tasks.open(Parts.tasks(config), Ticker.system(), InstantSource.system())) {
            requireOurMounts(tasks.runtimes().pid());
            for (TaskState task : tasks.list()) {
                try {
                    tasks.kill(task.task(), "", Signals.KILL, true);
                    tasks.awaitExit(task.task(), KILL_LIMIT);
                } catch (Fault e) {
                    if (e.code() != Fault.Code.NOT_FOUND) {
                        throw e;
                    }
                }
                tasks.delete(task.task());
            }
            for (TaskId pod : tasks.pods()) { // some have an init
                tasks.removePod(pod);
            }
        }
        Tasks.endSupervisors(Parts.tasks(config));
    }

    /** What was mounted elsewhere cannot be unmounted here, and its supervisor would be taken for somebody else's. */
    private static void requireOurMounts(int supervisor) throws IOException {
        Path theirs = Path.of("/proc", Integer.toString(supervisor), "ns/mnt");
        Path ours = Path.of("/proc/self/ns/mnt");
        if (!Files.readSymbolicLink(theirs).equals(Files.readSymbolicLink(ours))) {
            throw Fault.precondition(
                    "reset",
                    "the supervisor, process " + supervisor + ", is in another mount namespace than this command",
                    "Run it where the daemon ran: nsenter --target " + supervisor + " --mount");
        }
    }

    /** Returns the pods that are still connected, and why; their namespaces stay, since plugins look into them. */
    private static Map<String, Fault> networks(Config config) throws IOException, InterruptedException {
        Map<String, Fault> connected;
        try (PodNetworks networks = Parts.networks(config, new LinuxDisk(), Ticker.system())) {
            connected = networks.retainOnly(Set.of());
            if (connected.isEmpty() && networks instanceof BridgeNetwork bridge) {
                bridge.uninstall();
            }
        }
        NetworkNamespaces namespaces = NetworkNamespaces.open(config.state().resolve("netns"));
        for (String id : namespaces.list()) {
            if (!connected.containsKey(id)) {
                namespaces.remove(id);
            }
        }
        return connected;
    }

    /** The supervisor's own cgroup, and the parents of pods that named none: gone unless somebody else is in there. */
    private static void cgroups(Config config) throws IOException, InterruptedException {
        Cgroups all = Cgroups.detect(Ticker.system());
        String own = config.runtimes().supervisorCgroup();
        if (!own.isEmpty()) {
            all.cgroup(own).removeIfEmpty(EMPTY_LIMIT);
        }
        for (String parent : SHARED_PARENTS) {
            all.cgroup(parent).removeIfEmpty();
        }
    }

    /** Detaches all mounts below a folder; one at the folder itself is not ours. */
    static void unmount(Path below) throws IOException {
        for (MountEntry mount : Mounts.list().reversed()) {
            Path target = Path.of(mount.target());
            if (target.startsWith(below) && !target.equals(below)) {
                Mounts.unmount(target, Mounts.Unmount.DETACH);
            }
        }
    }

    /** Removes a folder with all that is in it, or only that if a disk is mounted there; harmless if it is not there. */
    static void remove(Path folder) throws IOException {
        if (Mounts.list().stream().anyMatch(mount -> Path.of(mount.target()).equals(folder))) {
            try (Dir disk = Dir.open(folder)) {
                for (Dir.Entry entry : disk.entries()) {
                    disk.removeTree(entry.name());
                }
            }
        } else if (Files.isDirectory(folder)) {
            try (Dir parent = Dir.open(Objects.requireNonNull(folder.getParent()))) {
                parent.removeTree(
                        Objects.requireNonNull(folder.getFileName()).toString().getBytes(StandardCharsets.UTF_8));
            }
        }
    }
}

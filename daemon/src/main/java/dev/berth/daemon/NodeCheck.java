package dev.berth.daemon;

import dev.berth.images.registry.RegistrySettings;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Igzip;
import dev.berth.linux.LinuxDisk;
import dev.berth.network.NetworkState;
import dev.berth.network.PodNetworks;
import dev.berth.tasks.SupervisorInfo;
import dev.berth.tasks.Tasks;
import dev.berth.tasks.TasksConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Can this node run pods: the kernel, the OCI runtimes, the network. Changes nothing that stays. */
final class NodeCheck {
    /**
     * One thing that was looked at.
     *
     * @param verdict whether pods can run with it as it is
     * @param detail what was found
     * @param remedy what to do about it; empty if nothing
     */
    record Finding(Verdict verdict, String what, String detail, String remedy) {
        String line() {
            String text = "%-8s %-24s %s".formatted(verdict.word, what, detail);
            return remedy.isEmpty() ? text.strip() : text + ". " + remedy;
        }
    }

    /** How bad it is. */
    enum Verdict {
        /** There and of use. */
        OK("ok"),
        /** Not there, and something else does its work. */
        ABSENT("absent"),
        /** Not there, and pods cannot run without it. */
        MISSING("missing");

        private final String word;

        Verdict(String word) {
            this.word = word;
        }
    }

    private NodeCheck() {}

    static List<Finding> look(Config config) throws InterruptedException {
        var findings = new ArrayList<Finding>(KernelCheck.look());
        findings.addAll(runtimes(config));
        findings.add(network(config));
        findings.add(gzip());
        findings.addAll(proxies(Parts.registrySettings(config)));
        return findings;
    }

    /** Those of this environment: the daemon's may be another. */
    static List<Finding> proxies(RegistrySettings settings) {
        return settings.unusableProxies().stream()
                .map(why -> new Finding(
                        Verdict.ABSENT,
                        "proxy",
                        why,
                        "If the daemon has the same environment, pulls that should go through it fail: write"
                                + " http://host:port, or name the registries in NO_PROXY"))
                .toList();
    }

    private static Finding gzip() {
        Optional<Igzip> igzip = Igzip.open();
        igzip.ifPresent(Igzip::close);
        return igzip.isPresent()
                ? new Finding(Verdict.OK, "gzip", "unpacked by ISA-L", "")
                : new Finding(
                        Verdict.ABSENT,
                        "gzip",
                        "unpacked by zlib, which takes twice the time of ISA-L",
                        "Install libisal2, or isa-l as other distributions call it");
    }

    /** Tried by a real run, in a supervisor of its own that knows nothing of the node's pods. */
    private static List<Finding> runtimes(Config config) throws InterruptedException {
        try {
            Path folder = Files.createTempDirectory("berth-check");
            try {
                return runtimes(Parts.tasks(config), folder);
            } finally {
                Reset.unmount(folder);
                Reset.remove(folder);
            }
        } catch (IOException | Fault e) {
            return List.of(new Finding(
                    Verdict.MISSING, "OCI runtimes", "they could not be tried: " + e.getMessage(), "Run this as root"));
        }
    }

    private static List<Finding> runtimes(TasksConfig real, Path folder) throws IOException, InterruptedException {
        var scratch = new TasksConfig(
                folder.resolve("state"),
                folder.resolve("root"),
                real.supervisor(),
                real.version(),
                "",
                real.daemonAddress(),
                real.handlers());
        SupervisorInfo info;
        try (Tasks tasks = Tasks.open(scratch, Ticker.system(), InstantSource.system())) {
            info = tasks.runtimes();
        } finally {
            Tasks.endSupervisors(scratch);
        }
        boolean one = info.runtimes().stream().anyMatch(SupervisorInfo.OciRuntime::usable);
        return info.runtimes().stream().map(runtime -> finding(runtime, one)).toList();
    }

    /** One that works is enough. */
    static Finding finding(SupervisorInfo.OciRuntime runtime, boolean anotherWorks) {
        String what = "OCI runtime " + runtime.name();
        String program = runtime.path().isEmpty() ? "" : runtime.path() + " " + runtime.version();
        if (runtime.usable()) {
            return new Finding(Verdict.OK, what, program, "");
        }
        String detail = program.isEmpty() ? runtime.reason() : program + ": " + runtime.reason();
        return new Finding(anotherWorks ? Verdict.ABSENT : Verdict.MISSING, what, detail, runtime.remedy());
    }

    private static Finding network(Config config) throws InterruptedException {
        if (config.network().mode() == Config.Network.Mode.BUILTIN) {
            return new Finding(
                    Verdict.OK,
                    "network",
                    "built in, on bridge " + config.network().bridge(),
                    "");
        }
        String what = "network (CNI)";
        try (PodNetworks networks = Parts.networks(config, new LinuxDisk(), Ticker.system())) {
            NetworkState state = networks.state();
            return state.ready()
                    ? new Finding(
                            Verdict.OK,
                            what,
                            "the config in " + config.network().confDir() + " is ready",
                            "")
                    : new Finding(Verdict.MISSING, what, state.reason() + ": " + state.message(), "");
        } catch (IOException | Fault e) {
            return new Finding(Verdict.MISSING, what, String.valueOf(e.getMessage()), "");
        }
    }
}

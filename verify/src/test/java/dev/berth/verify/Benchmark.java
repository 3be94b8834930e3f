package dev.berth.verify;

import dev.berth.daemon.cli.CriClient;
import dev.berth.images.sample.Busybox;
import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerMetadata;
import dev.berth.wire.cri.CreateContainerRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.LinuxSandboxSecurityContext;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.PodSandboxMetadata;
import dev.berth.wire.cri.PullImageRequest;
import dev.berth.wire.cri.RemoveContainerRequest;
import dev.berth.wire.cri.RemovePodSandboxRequest;
import dev.berth.wire.cri.RunPodSandboxRequest;
import dev.berth.wire.cri.StartContainerRequest;
import dev.berth.wire.cri.StopContainerRequest;
import dev.berth.wire.cri.StopPodSandboxRequest;
import dev.berth.wire.cri.VersionRequest;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The life of a pod with one container, on Berth with its built-in network, on Berth with CNI plugins, and on containerd with
 * the same plugins, in turns. Prints JSON on standard output and a table on standard error; medians of milliseconds.
 */
final class Benchmark {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final Ticker TICKER = Ticker.system();
    private static final Duration BETWEEN_LIVES = Duration.ofMillis(150);
    private static final int CALLS_BEFORE = 2000;
    static final String BRIDGE = "btbench0";
    private static final String SCRATCH = "from scratch";

    private static final class Side {
        final String name;
        final CriClient client;
        final String image;
        final Map<String, List<Double>> samples = new LinkedHashMap<>();

        Side(String name, Path socket, String image) {
            this.name = name;
            this.client = CriClient.open(socket);
            this.image = image;
        }
    }

    private Benchmark() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 20;
        Path folder = Files.createTempDirectory(Path.of("/var/lib"), "btbench");
        Path cni = cniConfig(folder);
        try (Berth bridge = Berth.start();
                Berth plugins = Berth.start("[network]%nconf_dir = \"" + cni + "\"%nbin_dirs = [\"/usr/lib/cni\"]%n")) {
            bridge.registry()
                    .add(
                            "pause",
                            "latest",
                            Busybox.image().cmd("sleep", "1000000").build());
            try (Containerd containerd = Containerd.start(
                    folder.resolve("containerd"), bridge.folder().resolve("certs.d"), bridge.image("pause"), cni)) {
                List<Side> sides = List.of(
                        new Side("berth", bridge.state().resolve("berth.sock"), bridge.image("busybox")),
                        new Side("berth-cni", plugins.state().resolve("berth.sock"), plugins.image("busybox")),
                        new Side("containerd", containerd.socket(), bridge.image("busybox")));
                measure(sides, rounds);
                report(sides, rounds);
                memory("berth daemon", bridge.daemon().pid());
                bridge.supervisor().ifPresent(s -> memory("berth supervisor", s.pid()));
                memory("containerd", containerd.pid());
                sides.forEach(side -> side.client.close());
            }
        } finally {
            Berth.run(List.of("ip", "link", "delete", BRIDGE));
            Berth.run(List.of("rm", "-rf", folder.toString()));
        }
    }

    /** A network that several daemons may use. */
    static Path cniConfig(Path folder) throws IOException {
        Path directory = Files.createDirectories(folder.resolve("net.d"));
        Files.writeString(directory.resolve("10-bench.conflist"), """
                {"cniVersion": "1.0.0", "name": "bench", "plugins": [
                  {"type": "bridge", "bridge": "%s", "isGateway": true, "ipMasq": false,
                   "ipam": {"type": "host-local", "dataDir": "%s/ipam", "ranges": [[{"subnet": "10.88.252.0/24"}]]}}]}
                """.formatted(BRIDGE, folder));
        return directory;
    }

    private static void measure(List<Side> sides, int rounds) {
        for (Side side : sides) {
            side.client
                    .images(LIMIT)
                    .pullImage(PullImageRequest.newBuilder()
                            .setImage(ImageSpec.newBuilder().setImage(side.image))
                            .build());
        }
        warmUp(sides);
        for (int round = -5; round < rounds; round++) { // the first five are not counted
            for (Side side : sides) {
                settle();
                Map<String, Double> times = life(side, round + 5);
                if (round >= 0) {
                    times.forEach((what, millis) -> side.samples
                            .computeIfAbsent(what, _ -> new ArrayList<>())
                            .add(millis));
                }
            }
        }
    }

    /** A kubelet asks all day long: neither the client nor a server shall be new to its own protocol. */
    private static void warmUp(List<Side> sides) {
        for (int call = 0; call < CALLS_BEFORE; call++) {
            for (Side side : sides) {
                side.client.runtime(LIMIT).version(VersionRequest.getDefaultInstance());
                side.client.runtime(LIMIT).listContainers(ListContainersRequest.getDefaultInstance());
            }
        }
    }

    /** What one side leaves to the kernel to take away shall not be counted as the other's. */
    private static void settle() {
        try {
            TICKER.sleep(BETWEEN_LIVES);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Map<String, Double> life(Side side, int round) {
        var times = new LinkedHashMap<String, Double>();
        PodSandboxConfig config = PodSandboxConfig.newBuilder()
                .setMetadata(PodSandboxMetadata.newBuilder()
                        .setName("bench" + round)
                        .setNamespace("default")
                        .setUid("uid" + round))
                .setLinux(LinuxPodSandboxConfig.newBuilder()
                        .setSecurityContext(LinuxSandboxSecurityContext.newBuilder()
                                .setNamespaceOptions(
                                        NamespaceOption.newBuilder().setPid(NamespaceMode.CONTAINER))))
                .build();
        var runtime = side.client.runtime(LIMIT);
        long start = TICKER.nanos();
        String pod = runtime.runPodSandbox(
                        RunPodSandboxRequest.newBuilder().setConfig(config).build())
                .getPodSandboxId();
        long step = note(times, "RunPodSandbox", start);
        String id = runtime.createContainer(CreateContainerRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .setSandboxConfig(config)
                        .setConfig(ContainerConfig.newBuilder()
                                .setMetadata(ContainerMetadata.newBuilder().setName("c"))
                                .setImage(ImageSpec.newBuilder().setImage(side.image))
                                .addAllCommand(
                                        List.of("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait; done")))
                        .build())
                .getContainerId();
        step = note(times, "CreateContainer", step);
        runtime.startContainer(
                StartContainerRequest.newBuilder().setContainerId(id).build());
        note(times, "StartContainer", step);
        note(times, SCRATCH, start);
        step = TICKER.nanos();
        runtime.execSync(ExecSyncRequest.newBuilder()
                .setContainerId(id)
                .addAllCmd(List.of("true"))
                .setTimeout(30)
                .build());
        step = note(times, "ExecSync", step);
        runtime.stopContainer(StopContainerRequest.newBuilder()
                .setContainerId(id)
                .setTimeout(30)
                .build());
        step = note(times, "StopContainer", step);
        runtime.removeContainer(
                RemoveContainerRequest.newBuilder().setContainerId(id).build());
        step = note(times, "RemoveContainer", step);
        runtime.stopPodSandbox(
                StopPodSandboxRequest.newBuilder().setPodSandboxId(pod).build());
        step = note(times, "StopPodSandbox", step);
        runtime.removePodSandbox(
                RemovePodSandboxRequest.newBuilder().setPodSandboxId(pod).build());
        note(times, "RemovePodSandbox", step);
        return times;
    }

    /** Notes the time since a moment; answers the moment after it. */
    private static long note(Map<String, Double> times, String what, long since) {
        times.put(what, TICKER.since(since).toNanos() / 1e6);
        return TICKER.nanos();
    }

    private static void report(List<Side> sides, int rounds) {
        PrintStream table = System.err;
        table.printf(Locale.ROOT, "%-18s", "median ms of " + rounds);
        sides.forEach(side -> table.printf(Locale.ROOT, "%12s", side.name));
        table.printf(Locale.ROOT, "%14s%n", "berth/ctrd");
        var json = new StringBuilder("{\"rounds\": " + rounds + ", \"medians\": {");
        for (String what : sides.getFirst().samples.keySet()) {
            table.printf(Locale.ROOT, "%-18s", what);
            json.append(json.charAt(json.length() - 1) == '{' ? "" : ", ")
                    .append('"')
                    .append(what)
                    .append("\": {");
            for (Side side : sides) {
                double median = median(side.samples.get(what));
                table.printf(Locale.ROOT, "%12.1f", median);
                json.append(side == sides.getFirst() ? "" : ", ")
                        .append(String.format(Locale.ROOT, "\"%s\": %.2f", side.name, median));
            }
            json.append('}');
            table.printf(
                    Locale.ROOT,
                    "%14.2f%n",
                    median(sides.getFirst().samples.get(what))
                            / median(sides.getLast().samples.get(what)));
        }
        System.out.println(json.append("}}"));
    }

    private static double median(@org.jspecify.annotations.Nullable List<Double> samples) {
        if (samples == null || samples.isEmpty()) {
            return Double.NaN;
        }
        return samples.stream().sorted().toList().get(samples.size() / 2);
    }

    private static void memory(String who, long pid) {
        String status = Berth.read(Path.of("/proc/" + pid + "/status"));
        status.lines().filter(line -> line.startsWith("VmRSS")).forEach(line -> System.err.println(who + " " + line));
    }
}

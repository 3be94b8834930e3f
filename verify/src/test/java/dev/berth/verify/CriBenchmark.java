package dev.berth.verify;

import dev.berth.daemon.cli.CriClient;
import dev.berth.images.sample.Busybox;
import dev.berth.kernel.Ids;
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
import dev.berth.wire.cri.RemovePodSandboxRequest;
import dev.berth.wire.cri.RunPodSandboxRequest;
import dev.berth.wire.cri.StartContainerRequest;
import dev.berth.wire.cri.StopPodSandboxRequest;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What a kubelet asks for all day and what a busy node asks for at once: ExecSync, ListContainers with many containers, ten
 * RunPodSandbox at the same time. On Berth with its built-in network, on Berth with CNI plugins, and on containerd with the same
 * plugins, in turns. Prints JSON on standard output and a table on standard error.
 */
final class CriBenchmark {
    private static final Duration LIMIT = Duration.ofMinutes(5);
    private static final Duration BETWEEN = Duration.ofMillis(150);
    private static final Ticker TICKER = Ticker.system();
    private static final int AT_ONCE = 10;
    private static final int CONTAINERS_OF_A_POD = 50;
    private static final int NOT_COUNTED = 3;
    private static final String EXEC = "ExecSync, ms";
    private static final String LIST = "ListContainers, ms";
    private static final String PODS = "RunPodSandbox, ten at once, pods/s";

    /** One daemon with its samples. */
    private record Side(String name, CriClient client, String image, Map<String, List<Double>> samples) {
        Side(String name, Path socket, String image) {
            this(name, CriClient.open(socket), image, new TreeMap<>());
        }

        void note(String what, double value) {
            samples.computeIfAbsent(what, _ -> new ArrayList<>()).add(value);
        }

        double median(String what) {
            List<Double> sorted =
                    samples.getOrDefault(what, List.of()).stream().sorted().toList();
            return sorted.isEmpty() ? Double.NaN : sorted.get(sorted.size() / 2);
        }
    }

    private final List<Side> sides;
    private final int rounds;
    private final int containers;

    private CriBenchmark(List<Side> sides, int rounds, int containers) {
        this.sides = sides;
        this.rounds = rounds;
        this.containers = containers;
    }

    /** Arguments: rounds (20), containers in the list (500). */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 20;
        int containers = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 500;
        Path folder = Files.createTempDirectory(Path.of("/var/lib"), "btbench");
        Path cni = Benchmark.cniConfig(folder);
        try (Berth bridge = Berth.start();
                Berth plugins = Berth.start("[network]%nconf_dir = \"" + cni + "\"%nbin_dirs = [\"/usr/lib/cni\"]%n")) {
            bridge.registry()
                    .add(
                            "pause",
                            "latest",
                            Busybox.image().cmd("sleep", "1000000").build());
            try (Containerd containerd = Containerd.start(
                    folder.resolve("containerd"), bridge.folder().resolve("certs.d"), bridge.image("pause"), cni)) {
                var benchmark = new CriBenchmark(
                        List.of(
                                new Side("berth", bridge.state().resolve("berth.sock"), bridge.image("busybox")),
                                new Side("berth-cni", plugins.state().resolve("berth.sock"), plugins.image("busybox")),
                                new Side("containerd", containerd.socket(), bridge.image("busybox"))),
                        rounds,
                        containers);
                benchmark.run();
            }
        } finally {
            Berth.run(List.of("ip", "link", "delete", Benchmark.BRIDGE));
            Berth.run(List.of("rm", "-rf", folder.toString()));
        }
    }

    private void run() throws InterruptedException {
        for (Side side : sides) {
            var _ = side.client()
                    .images(LIMIT)
                    .pullImage(PullImageRequest.newBuilder()
                            .setImage(ImageSpec.newBuilder().setImage(side.image()))
                            .build());
        }
        execs();
        podsAtOnce();
        lists();
        report();
        sides.forEach(side -> side.client().close());
    }

    private void execs() throws InterruptedException {
        Map<String, String> pods = sides.stream().collect(Collectors.toMap(Side::name, side -> pod(side, "exec")));
        Map<String, String> running = sides.stream().collect(Collectors.toMap(Side::name, side -> {
            String id = create(side, pods.getOrDefault(side.name(), ""), "exec", "exec");
            var _ = side.client()
                    .runtime(LIMIT)
                    .startContainer(StartContainerRequest.newBuilder()
                            .setContainerId(id)
                            .build());
            return id;
        }));
        for (int round = -NOT_COUNTED * 10; round < rounds * 5; round++) { // probes go on all day
            for (Side side : sides) {
                TICKER.sleep(BETWEEN.dividedBy(3));
                var request = ExecSyncRequest.newBuilder()
                        .setContainerId(running.getOrDefault(side.name(), ""))
                        .addCmd("true")
                        .setTimeout(60)
                        .build();
                long start = TICKER.nanos();
                var _ = side.client().runtime(LIMIT).execSync(request);
                note(round, side, EXEC, TICKER.since(start).toNanos() / 1e6);
            }
        }
        sides.forEach(side -> remove(side, pods.getOrDefault(side.name(), "")));
    }

    private void podsAtOnce() throws InterruptedException {
        for (int round = -NOT_COUNTED; round < rounds; round++) {
            for (Side side : sides) {
                TICKER.sleep(BETWEEN);
                var made = new ConcurrentLinkedQueue<String>();
                String name = "r" + (round + NOT_COUNTED) + "-";
                long start = TICKER.nanos();
                together(AT_ONCE, i -> made.add(pod(side, name + i)));
                note(round, side, PODS, AT_ONCE / (TICKER.since(start).toNanos() / 1e9));
                made.forEach(pod -> remove(side, pod));
            }
        }
    }

    /** Runs the same a number of times, each on a thread of its own. */
    private static void together(int count, java.util.function.IntConsumer work) throws InterruptedException {
        var failures = new ConcurrentLinkedQueue<Throwable>();
        List<Thread> threads = IntStream.range(0, count)
                .mapToObj(i -> Thread.ofVirtual().unstarted(() -> work.accept(i)))
                .toList();
        threads.forEach(thread -> thread.setUncaughtExceptionHandler((_, failure) -> failures.add(failure)));
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        if (!failures.isEmpty()) {
            throw new IllegalStateException("one of " + count + " failed", failures.peek());
        }
    }

    private void lists() throws InterruptedException {
        int pods = Math.max(1, containers / CONTAINERS_OF_A_POD);
        Map<Side, List<String>> made = new HashMap<>();
        for (Side side : sides) {
            List<String> ids = IntStream.range(0, pods)
                    .mapToObj(i -> pod(side, "list" + i))
                    .toList();
            made.put(side, ids);
            for (int i = 0; i < containers; i++) {
                create(side, ids.get(i % pods), "list" + i % pods, "c" + i);
            }
        }
        for (int round = -NOT_COUNTED * 10; round < rounds * 5; round++) { // a list is quick, and its times differ more
            for (Side side : sides) {
                long start = TICKER.nanos();
                int found = side.client()
                        .runtime(LIMIT)
                        .listContainers(ListContainersRequest.getDefaultInstance())
                        .getContainersCount();
                note(round, side, LIST, TICKER.since(start).toNanos() / 1e6);
                if (found != containers) {
                    throw new IllegalStateException(side.name() + " lists " + found + " of " + containers);
                }
            }
        }
        made.forEach((side, ids) -> ids.forEach(pod -> remove(side, pod))); // containerd's would outlive it
    }

    private static void note(int round, Side side, String what, double value) {
        if (round >= 0) {
            side.note(what, value);
        }
    }

    private static PodSandboxConfig config(String name) {
        return PodSandboxConfig.newBuilder()
                .setMetadata(PodSandboxMetadata.newBuilder()
                        .setName(name)
                        .setNamespace("default")
                        .setUid("uid-" + name))
                .setLinux(LinuxPodSandboxConfig.newBuilder()
                        .setSecurityContext(LinuxSandboxSecurityContext.newBuilder()
                                .setNamespaceOptions(
                                        NamespaceOption.newBuilder().setPid(NamespaceMode.CONTAINER))))
                .build();
    }

    private static String pod(Side side, String name) {
        return side.client()
                .runtime(LIMIT)
                .runPodSandbox(RunPodSandboxRequest.newBuilder()
                        .setConfig(config(name))
                        .build())
                .getPodSandboxId();
    }

    private static String create(Side side, String pod, String podName, String name) {
        return side.client()
                .runtime(LIMIT)
                .createContainer(CreateContainerRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .setSandboxConfig(config(podName))
                        .setConfig(ContainerConfig.newBuilder()
                                .setMetadata(ContainerMetadata.newBuilder().setName(name))
                                .setImage(ImageSpec.newBuilder().setImage(side.image()))
                                .putLabels("io.kubernetes.container.name", name)
                                .putAnnotations("hash", Ids.random())
                                .addAllCommand(List.of("sleep", "100000")))
                        .build())
                .getContainerId();
    }

    private static void remove(Side side, String pod) {
        var runtime = side.client().runtime(LIMIT);
        var _ = runtime.stopPodSandbox(
                StopPodSandboxRequest.newBuilder().setPodSandboxId(pod).build());
        var _ = runtime.removePodSandbox(
                RemovePodSandboxRequest.newBuilder().setPodSandboxId(pod).build());
    }

    private void report() {
        PrintStream table = System.err;
        table.printf(Locale.ROOT, "%-36s", "median of " + rounds);
        sides.forEach(side -> table.printf(Locale.ROOT, "%12s", side.name()));
        table.printf(Locale.ROOT, "%14s%n", "berth/ctrd");
        List<String> json = new ArrayList<>();
        for (String what : List.of(EXEC, LIST, PODS)) {
            table.printf(Locale.ROOT, "%-36s", what.equals(LIST) ? LIST + " (" + containers + ")" : what);
            sides.forEach(side -> table.printf(Locale.ROOT, "%12.2f", side.median(what)));
            table.printf(
                    Locale.ROOT,
                    "%14.2f%n",
                    sides.getFirst().median(what) / sides.getLast().median(what));
            json.add(sides.stream()
                    .map(side -> String.format(Locale.ROOT, "\"%s\": %.3f", side.name(), side.median(what)))
                    .collect(Collectors.joining(", ", "\"" + what + "\": {", "}")));
        }
        System.out.printf(
                Locale.ROOT,
                "{\"rounds\": %d, \"containers\": %d, \"medians\": {%s}}%n",
                rounds,
                containers,
                String.join(", ", json));
    }
}

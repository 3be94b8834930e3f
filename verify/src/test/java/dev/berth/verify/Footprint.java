package dev.berth.verify;

import dev.berth.daemon.cli.CriClient;
import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.LinuxSandboxSecurityContext;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.PodSandboxMetadata;
import dev.berth.wire.cri.RunPodSandboxRequest;
import dev.berth.wire.cri.VersionRequest;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What Berth costs a node that does nothing: the time from the exec of its launcher to the first answer, without pods and with
 * a hundred, and the memory of daemon and supervisor. A pod has no process of its own, so that these two are all of it. Prints
 * JSON on standard output and a table on standard error.
 */
final class Footprint {
    private static final Duration LIMIT = Duration.ofMinutes(1);
    private static final Duration QUIET =
            Duration.ofSeconds(75); // longer than a program takes to notice that it is idle
    private static final Duration LOOK_AGAIN = Duration.ofMillis(5);
    private static final int STARTS = 7;
    private static final int PODS = 100;
    private static final Ticker TICKER = Ticker.system();

    private Footprint() {}

    /** Memory of both processes together, in KiB. */
    private record Memory(long residentKib, long proportionalKib) {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        try (Berth berth = Berth.start()) {
            double withoutPods = startMillis(berth);
            Memory idle = idleMemory(berth);
            pods(berth);
            Memory withPods = idleMemory(berth);
            double withPodsOnDisk = startMillis(berth);
            double perPod = (withPods.proportionalKib() - idle.proportionalKib()) / (double) PODS;
            System.err.printf(
                    Locale.ROOT,
                    "first answer after exec, no pod          %8.0f ms%n"
                            + "first answer after exec, %d pods        %8.0f ms%n"
                            + "resident, idle, no pod                   %8.1f MiB%n"
                            + "resident, idle, %d pods                 %8.1f MiB%n"
                            + "proportional share of a further idle pod %8.3f MiB%n",
                    withoutPods,
                    PODS,
                    withPodsOnDisk,
                    idle.residentKib() / 1024.0,
                    PODS,
                    withPods.residentKib() / 1024.0,
                    perPod / 1024);
            System.out.printf(
                    Locale.ROOT,
                    "{\"starts\": %d, \"startMillis\": {\"0 pods\": %.0f, \"%d pods\": %.0f}, \"residentKib\": {\"0 pods\": %d,"
                            + " \"%d pods\": %d}, \"proportionalKibPerPod\": %.0f}%n",
                    STARTS,
                    withoutPods,
                    PODS,
                    withPodsOnDisk,
                    idle.residentKib(),
                    PODS,
                    withPods.residentKib(),
                    perPod);
        }
    }

    /** The median of some starts. */
    private static double startMillis(Berth berth) throws IOException, InterruptedException {
        List<Double> times = new ArrayList<>();
        for (int start = 0; start < STARTS; start++) {
            berth.daemon().destroy();
            berth.daemon().waitFor();
            long before = TICKER.nanos();
            berth.exec();
            awaitAnswer(berth.state().resolve("berth.sock"));
            times.add(TICKER.since(before).toNanos() / 1e6);
        }
        return times.stream().sorted().toList().get(STARTS / 2);
    }

    private static void awaitAnswer(Path socket) throws InterruptedException {
        long start = TICKER.nanos();
        while (!Files.exists(socket)) { // a client that knocks all the time would take the daemon one of its processors
            TICKER.sleep(LOOK_AGAIN);
        }
        while (true) {
            try (CriClient client = CriClient.open(socket)) {
                client.runtime(LIMIT).version(VersionRequest.getDefaultInstance());
                return;
            } catch (StatusRuntimeException notYet) {
                if (TICKER.since(start).compareTo(LIMIT) > 0) {
                    throw notYet;
                }
                TICKER.sleep(LOOK_AGAIN);
            }
        }
    }

    private static Memory idleMemory(Berth berth) throws InterruptedException {
        TICKER.sleep(QUIET);
        long supervisor = berth.supervisor().orElseThrow().pid();
        return new Memory(
                kib(berth.daemon().pid(), "Rss:") + kib(supervisor, "Rss:"),
                kib(berth.daemon().pid(), "Pss:") + kib(supervisor, "Pss:"));
    }

    private static long kib(long pid, String what) {
        return Berth.read(Path.of("/proc/" + pid + "/smaps_rollup"))
                .lines()
                .filter(line -> line.startsWith(what))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                .sum();
    }

    private static void pods(Berth berth) {
        try (CriClient client = CriClient.open(berth.state().resolve("berth.sock"))) {
            for (int pod = 0; pod < PODS; pod++) {
                client.runtime(LIMIT)
                        .runPodSandbox(RunPodSandboxRequest.newBuilder()
                                .setConfig(config(pod))
                                .build());
            }
        }
    }

    private static PodSandboxConfig config(int pod) {
        return PodSandboxConfig.newBuilder()
                .setMetadata(PodSandboxMetadata.newBuilder()
                        .setName("idle" + pod)
                        .setNamespace("default")
                        .setUid("uid" + pod))
                .setLinux(LinuxPodSandboxConfig.newBuilder()
                        .setSecurityContext(LinuxSandboxSecurityContext.newBuilder()
                                .setNamespaceOptions(
                                        NamespaceOption.newBuilder().setPid(NamespaceMode.CONTAINER))))
                .build();
    }
}

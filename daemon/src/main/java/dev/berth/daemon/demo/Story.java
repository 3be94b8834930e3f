package dev.berth.daemon.demo;

import com.google.protobuf.ByteString;
import dev.berth.daemon.cli.CriClient;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerMetadata;
import dev.berth.wire.cri.ContainerStats;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.CreateContainerRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.LinuxSandboxSecurityContext;
import dev.berth.wire.cri.ListContainerStatsRequest;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.PodSandboxMetadata;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.PullImageRequest;
import dev.berth.wire.cri.RemoveImageRequest;
import dev.berth.wire.cri.RemovePodSandboxRequest;
import dev.berth.wire.cri.RunPodSandboxRequest;
import dev.berth.wire.cri.StartContainerRequest;
import dev.berth.wire.cri.StopPodSandboxRequest;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What the demo does with its daemon, as any client of CRI would. */
final class Story {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String NAME = "demo";
    private static final String NAMESPACE = "default";

    /** As the kubelet has them: crictl tells by them whose container it is. */
    private static final Map<String, String> LABELS =
            Map.of("io.kubernetes.pod.name", NAME, "io.kubernetes.pod.namespace", NAMESPACE);

    private final CriClient client;
    private final PrintStream out;
    private final Ticker ticker;
    private final Path logs;

    Story(CriClient client, PrintStream out, Ticker ticker, Path folder) {
        this.client = client;
        this.out = out;
        this.ticker = ticker;
        this.logs = folder.resolve("logs");
    }

    void tell(String image, ServedRegistry registry, boolean keep) throws IOException, InterruptedException {
        pull(image, registry);
        Files.createDirectories(logs);
        PodSandboxConfig pod = podConfig();
        long start = ticker.nanos();
        String podId = client.runtime(LIMIT)
                .runPodSandbox(RunPodSandboxRequest.newBuilder().setConfig(pod).build())
                .getPodSandboxId();
        String web = container(podId, pod, image, "web", """
                echo "web: ahoy, I am $(hostname)"; echo from-web > /dev/shm/note
                echo "ahoy from the berth" > /tmp/index.html; exec httpd -f -p 8080 -h /tmp""");
        String visitor = container(podId, pod, image, "visitor", """
                echo "visitor: the note in shared memory says: $(cat /dev/shm/note)"
                n=0; until wget -q -O /tmp/page http://127.0.0.1:8080/ 2>/dev/null || [ $n -ge 50 ]; do n=$((n+1)); sleep 0.1; done
                echo "visitor: the page on our loopback says: $(cat /tmp/page)"; exec sleep 1000000""");
        out.printf(
                Locale.ROOT,
                "A pod with two containers, up in %.1f ms%n",
                ticker.since(start).toNanos() / 1e6);
        var status = client.runtime(LIMIT)
                .podSandboxStatus(PodSandboxStatusRequest.newBuilder()
                        .setPodSandboxId(podId)
                        .setVerbose(true)
                        .build());
        out.println("  pod " + podId.substring(0, 13) + "  ip "
                + status.getStatus().getNetwork().getIp());
        awaitLog("visitor.log", "page on our loopback");
        showLogs();
        exec(visitor);
        stats(web, visitor);
        out.println("What the start consisted of");
        timeline("the pod", status.getInfoMap());
        timeline("container web", info(web));
        timeline("container visitor", info(visitor));
        if (!keep) {
            end(podId, image);
        }
    }

    private void pull(String image, ServedRegistry registry) {
        long start = ticker.nanos();
        try (var bar = PullBar.start(registry, out)) {
            client.images(LIMIT)
                    .pullImage(PullImageRequest.newBuilder()
                            .setImage(ImageSpec.newBuilder().setImage(image))
                            .build());
            bar.done();
        }
        out.printf(
                Locale.ROOT,
                "Pulled %s in %.0f ms%n",
                image,
                ticker.since(start).toNanos() / 1e6);
    }

    private PodSandboxConfig podConfig() {
        return PodSandboxConfig.newBuilder()
                .setMetadata(PodSandboxMetadata.newBuilder()
                        .setName(NAME)
                        .setNamespace(NAMESPACE)
                        .setUid("demo-uid"))
                .setHostname("demo")
                .setLogDirectory(logs.toString())
                .setLinux(LinuxPodSandboxConfig.newBuilder()
                        .setSecurityContext(LinuxSandboxSecurityContext.newBuilder()
                                .setNamespaceOptions(
                                        NamespaceOption.newBuilder().setPid(NamespaceMode.CONTAINER))))
                .build();
    }

    private String container(String podId, PodSandboxConfig pod, String image, String name, String script) {
        var request = CreateContainerRequest.newBuilder()
                .setPodSandboxId(podId)
                .setSandboxConfig(pod)
                .setConfig(ContainerConfig.newBuilder()
                        .setMetadata(ContainerMetadata.newBuilder().setName(name))
                        .putAllLabels(LABELS)
                        .setImage(ImageSpec.newBuilder().setImage(image))
                        .addAllCommand(List.of("sh", "-c", script))
                        .setLogPath(name + ".log"))
                .build();
        String id = client.runtime(LIMIT).createContainer(request).getContainerId();
        client.runtime(LIMIT)
                .startContainer(
                        StartContainerRequest.newBuilder().setContainerId(id).build());
        return id;
    }

    private void awaitLog(String file, String text) throws IOException, InterruptedException {
        long start = ticker.nanos();
        while (ticker.since(start).compareTo(Duration.ofSeconds(10)) < 0) {
            Path log = logs.resolve(file);
            if (Files.exists(log) && Files.readString(log).contains(text)) {
                return;
            }
            ticker.sleep(Duration.ofMillis(20));
        }
    }

    private void showLogs() throws IOException {
        out.println("Their logs, as the kubelet would read them");
        for (String name : List.of("web", "visitor")) {
            Files.readAllLines(logs.resolve(name + ".log")).forEach(line -> out.println("  " + line));
        }
    }

    private void exec(String container) {
        var answer = client.runtime(LIMIT)
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(container)
                        .addAllCmd(List.of("ip", "-o", "-4", "addr"))
                        .setTimeout(10)
                        .build());
        out.println("An exec into visitor: ip -o -4 addr, exit code " + answer.getExitCode());
        text(answer.getStdout()).lines().forEach(line -> out.println("  " + line));
    }

    private static String text(ByteString bytes) {
        return bytes.toStringUtf8();
    }

    private void stats(String... containers) {
        out.println("Their usage");
        for (ContainerStats stats : client.runtime(LIMIT)
                .listContainerStats(ListContainerStatsRequest.getDefaultInstance())
                .getStatsList()) {
            if (List.of(containers).contains(stats.getAttributes().getId())) {
                out.printf(
                        Locale.ROOT,
                        "  %-8s cpu %.1f ms, memory %d KiB, writable layer %d KiB%n",
                        stats.getAttributes().getMetadata().getName(),
                        stats.getCpu().getUsageCoreNanoSeconds().getValue() / 1e6,
                        stats.getMemory().getWorkingSetBytes().getValue() / 1024,
                        stats.getWritableLayer().getUsedBytes().getValue() / 1024);
            }
        }
    }

    private Map<String, String> info(String container) {
        return client.runtime(LIMIT)
                .containerStatus(ContainerStatusRequest.newBuilder()
                        .setContainerId(container)
                        .setVerbose(true)
                        .build())
                .getInfoMap();
    }

    private void timeline(String what, Map<String, String> info) {
        out.println("  " + what);
        info.getOrDefault("timeline", "").lines().forEach(line -> out.println("  " + line));
    }

    private void end(String podId, String image) {
        client.runtime(LIMIT)
                .stopPodSandbox(StopPodSandboxRequest.newBuilder()
                        .setPodSandboxId(podId)
                        .build());
        client.runtime(LIMIT)
                .removePodSandbox(RemovePodSandboxRequest.newBuilder()
                        .setPodSandboxId(podId)
                        .build());
        client.images(LIMIT)
                .removeImage(RemoveImageRequest.newBuilder()
                        .setImage(ImageSpec.newBuilder().setImage(image))
                        .build());
    }
}

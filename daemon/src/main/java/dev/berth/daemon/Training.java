package dev.berth.daemon;

import dev.berth.daemon.cli.CriClient;
import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerMetadata;
import dev.berth.wire.cri.ContainerStatsRequest;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.CreateContainerRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ImageFsInfoRequest;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.ImageStatusRequest;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.ListImagesRequest;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.PodSandboxMetadata;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.PullImageRequest;
import dev.berth.wire.cri.RemoveContainerRequest;
import dev.berth.wire.cri.RemoveImageRequest;
import dev.berth.wire.cri.RemovePodSandboxRequest;
import dev.berth.wire.cri.RunPodSandboxRequest;
import dev.berth.wire.cri.StartContainerRequest;
import dev.berth.wire.cri.StatusRequest;
import dev.berth.wire.cri.StopContainerRequest;
import dev.berth.wire.cri.StopPodSandboxRequest;
import dev.berth.wire.cri.VersionRequest;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;

/**
 * The client of a training run: leads some pods of a daemon that records through their lives, so that the JVM knows what a
 * start and a pod need (the AOT cache). Not for use on a node.
 */
final class Training {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final Duration PAUSE = Duration.ofMillis(50);
    /** So many that the JVM has seen all that is called often: what it learns here it need not learn, and keep, on a node. */
    private static final int LIVES = 120;

    private static final int LIVES_OF_AN_IMAGE = 3;
    private static final int EXECS = 3;

    private final CriClient client;
    private final Ticker ticker = Ticker.system();

    private Training(CriClient client) {
        this.client = client;
    }

    static int run(Config config) throws IOException, InterruptedException {
        try (CriClient client = CriClient.open(config.socket())) {
            var training = new Training(client);
            training.awaitAnswer();
            training.look();
            training.pods(config);
            training.look();
        }
        return 0;
    }

    private void awaitAnswer() throws InterruptedException {
        for (int attempt = 0; ; attempt++) {
            try {
                client.runtime(LIMIT).version(VersionRequest.getDefaultInstance());
                return;
            } catch (StatusRuntimeException notYet) {
                if (attempt == LIMIT.dividedBy(PAUSE)) {
                    throw notYet;
                }
                ticker.sleep(PAUSE);
            }
        }
    }

    private void look() {
        client.runtime(LIMIT).status(StatusRequest.getDefaultInstance());
        client.runtime(LIMIT).listPodSandbox(ListPodSandboxRequest.getDefaultInstance());
        client.runtime(LIMIT).listContainers(ListContainersRequest.getDefaultInstance());
        client.images(LIMIT).listImages(ListImagesRequest.getDefaultInstance());
        client.images(LIMIT).imageFsInfo(ImageFsInfoRequest.getDefaultInstance());
    }

    private void pods(Config config) throws IOException {
        try (ServedRegistry registry = ServedRegistry.start()) {
            Path hosts = config.root().resolveSibling("certs.d").resolve(registry.authority());
            Files.writeString(
                    Files.createDirectories(hosts).resolve("hosts.toml"),
                    "server = \"http://" + registry.authority() + "\"\n");
            registry.add("busybox", "latest", Busybox.image().build());
            var image = ImageSpec.newBuilder()
                    .setImage(registry.authority() + "/busybox:latest")
                    .build();
            Path logs = Files.createDirectory(
                    Objects.requireNonNull(config.root().getParent()).resolve("logs"));
            for (int life = 0; life < LIVES; life++) {
                pull(image);
                pod(image, logs, life);
                if ((life + 1) % LIVES_OF_AN_IMAGE == 0) {
                    client.images(LIMIT)
                            .removeImage(RemoveImageRequest.newBuilder()
                                    .setImage(image)
                                    .build());
                }
            }
        }
    }

    private void pull(ImageSpec image) {
        client.images(LIMIT)
                .pullImage(PullImageRequest.newBuilder().setImage(image).build());
        client.images(LIMIT)
                .imageStatus(ImageStatusRequest.newBuilder().setImage(image).build());
        client.images(LIMIT)
                .imageStatus(ImageStatusRequest.newBuilder()
                        .setImage(image)
                        .setVerbose(true)
                        .build());
    }

    private void pod(ImageSpec image, Path logs, int life) {
        var config = PodSandboxConfig.newBuilder()
                .setMetadata(PodSandboxMetadata.newBuilder()
                        .setName("pod" + life)
                        .setNamespace("training")
                        .setUid("uid" + life))
                .setHostname("training")
                .setLogDirectory(logs.toString())
                .build();
        var runtime = client.runtime(LIMIT.multipliedBy(2));
        String pod = runtime.runPodSandbox(
                        RunPodSandboxRequest.newBuilder().setConfig(config).build())
                .getPodSandboxId();
        container(pod, config, image, life);
        look();
        runtime.podSandboxStatus(
                PodSandboxStatusRequest.newBuilder().setPodSandboxId(pod).build());
        runtime.podSandboxStatus(PodSandboxStatusRequest.newBuilder()
                .setPodSandboxId(pod)
                .setVerbose(true)
                .build());
        runtime.stopPodSandbox(
                StopPodSandboxRequest.newBuilder().setPodSandboxId(pod).build());
        runtime.removePodSandbox(
                RemovePodSandboxRequest.newBuilder().setPodSandboxId(pod).build());
    }

    private void container(String pod, PodSandboxConfig config, ImageSpec image, int life) {
        var runtime = client.runtime(LIMIT.multipliedBy(2));
        String id = runtime.createContainer(CreateContainerRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .setSandboxConfig(config)
                        .setConfig(ContainerConfig.newBuilder()
                                .setMetadata(ContainerMetadata.newBuilder().setName("c"))
                                .setImage(image)
                                .setLogPath("c" + life + ".log")
                                .addAllCommand(List.of("sh", "-c", "echo here; trap 'exit 0' TERM; sleep 1000 & wait")))
                        .build())
                .getContainerId();
        runtime.startContainer(
                StartContainerRequest.newBuilder().setContainerId(id).build());
        for (int exec = 0; exec < EXECS; exec++) {
            runtime.execSync(ExecSyncRequest.newBuilder()
                    .setContainerId(id)
                    .addAllCmd(List.of("echo", "there"))
                    .setTimeout(10)
                    .build());
        }
        runtime.containerStatus(
                ContainerStatusRequest.newBuilder().setContainerId(id).build());
        runtime.containerStatus(ContainerStatusRequest.newBuilder()
                .setContainerId(id)
                .setVerbose(true)
                .build());
        runtime.containerStats(
                ContainerStatsRequest.newBuilder().setContainerId(id).build());
        runtime.stopContainer(StopContainerRequest.newBuilder()
                .setContainerId(id)
                .setTimeout(10)
                .build());
        runtime.removeContainer(
                RemoveContainerRequest.newBuilder().setContainerId(id).build());
    }
}

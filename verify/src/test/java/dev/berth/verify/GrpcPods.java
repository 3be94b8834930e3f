package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.berth.daemon.cli.CriClient;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerMetadata;
import dev.berth.wire.cri.CreateContainerRequest;
import dev.berth.wire.cri.ImageServiceGrpc.ImageServiceBlockingStub;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.LinuxSandboxSecurityContext;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.PodSandboxMetadata;
import dev.berth.wire.cri.PullImageRequest;
import dev.berth.wire.cri.RemovePodSandboxRequest;
import dev.berth.wire.cri.RunPodSandboxRequest;
import dev.berth.wire.cri.RuntimeServiceGrpc.RuntimeServiceBlockingStub;
import dev.berth.wire.cri.StartContainerRequest;
import dev.berth.wire.cri.StopPodSandboxRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** Pods and containers as the kubelet asks for them, over gRPC: what crictl's files cannot say, and without its 40 ms a call. */
final class GrpcPods implements AutoCloseable {
    private final Berth berth;
    private final CriClient client;

    GrpcPods(Berth berth) {
        this.berth = berth;
        this.client = CriClient.open(berth.state().resolve("berth.sock"));
    }

    RuntimeServiceBlockingStub runtime() {
        return runtime(Berth.LIMIT);
    }

    RuntimeServiceBlockingStub runtime(Duration limit) {
        return client.runtime(limit);
    }

    ImageServiceBlockingStub images() {
        return client.images(Berth.LIMIT);
    }

    /** Asserts how a call ends, and that its message has these words. */
    static String refused(Status.Code code, ThrowingCallable call, String... words) {
        StatusRuntimeException refusal = catchThrowableOfType(StatusRuntimeException.class, call);
        assertThat(refusal).as("it should be refused with " + code).isNotNull();
        String message = String.valueOf(refusal.getStatus().getDescription());
        assertThat(refusal.getStatus().getCode()).as(message).isEqualTo(code);
        List.of(words).forEach(word -> assertThat(message).contains(word));
        return message;
    }

    /** A pod of that name; containers have process namespaces of their own. */
    PodSandboxConfig.Builder pod(String name) {
        return PodSandboxConfig.newBuilder()
                .setMetadata(PodSandboxMetadata.newBuilder()
                        .setName(name)
                        .setNamespace("default")
                        .setUid("uid-" + name))
                .setLogDirectory(berth.logs().toString())
                .setLinux(LinuxPodSandboxConfig.newBuilder()
                        .setSecurityContext(LinuxSandboxSecurityContext.newBuilder()
                                .setNamespaceOptions(
                                        NamespaceOption.newBuilder().setPid(NamespaceMode.CONTAINER))));
    }

    /** A container of the busybox image that logs to {@code NAME.log}. */
    ContainerConfig.Builder container(String name, String... command) {
        return ContainerConfig.newBuilder()
                .setMetadata(ContainerMetadata.newBuilder().setName(name))
                .setImage(ImageSpec.newBuilder().setImage(berth.image("busybox")))
                .addAllCommand(List.of(command))
                .setLogPath(name + ".log");
    }

    String pull(String image) {
        return images().pullImage(PullImageRequest.newBuilder()
                        .setImage(ImageSpec.newBuilder().setImage(image))
                        .build())
                .getImageRef();
    }

    String run(PodSandboxConfig pod, String handler) {
        String id = runtime()
                .runPodSandbox(RunPodSandboxRequest.newBuilder()
                        .setConfig(pod)
                        .setRuntimeHandler(handler)
                        .build())
                .getPodSandboxId();
        Leaks.mark(id);
        return id;
    }

    String run(String name) {
        return run(pod(name).build(), "");
    }

    String create(String podId, ContainerConfig container) {
        String id = runtime()
                .createContainer(CreateContainerRequest.newBuilder()
                        .setPodSandboxId(podId)
                        .setConfig(container)
                        .build())
                .getContainerId();
        Leaks.mark(id);
        return id;
    }

    void start(String id) {
        var _ = runtime()
                .startContainer(
                        StartContainerRequest.newBuilder().setContainerId(id).build());
    }

    void stop(String podId) {
        var _ = runtime()
                .stopPodSandbox(StopPodSandboxRequest.newBuilder()
                        .setPodSandboxId(podId)
                        .build());
    }

    void remove(String podId) {
        var _ = runtime()
                .removePodSandbox(RemovePodSandboxRequest.newBuilder()
                        .setPodSandboxId(podId)
                        .build());
    }

    /** What a test that has failed did not remove. */
    void removeAll() {
        removeAllBut("");
    }

    void removeAllBut(String id) {
        runtime().listPodSandbox(ListPodSandboxRequest.getDefaultInstance()).getItemsList().stream()
                .filter(pod -> !pod.getId().equals(id))
                .forEach(pod -> remove(pod.getId()));
    }

    @Override
    public void close() {
        client.close();
    }
}

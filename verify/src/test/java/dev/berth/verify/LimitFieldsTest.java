package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.berth.wire.cri.ContainerStatus;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.LinuxContainerConfig;
import dev.berth.wire.cri.LinuxContainerResources;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.UpdateContainerResourcesRequest;
import dev.berth.wire.cri.UpdatePodSandboxResourcesRequest;
import io.grpc.Status;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Limits of containers and pods that change: all that a request says, or nothing. */
class LimitFieldsTest extends BusyboxPods {
    private ContainerStatus status(String container) {
        return pods.runtime()
                .containerStatus(ContainerStatusRequest.newBuilder()
                        .setContainerId(container)
                        .build())
                .getStatus();
    }

    private void limit(String id, LinuxContainerResources.Builder limits) {
        var _ = pods.runtime()
                .updateContainerResources(UpdateContainerResourcesRequest.newBuilder()
                        .setContainerId(id)
                        .setLinux(limits)
                        .build());
    }

    private static String memoryLimit(String id) {
        return Inventory.take().stream()
                .filter(fact ->
                        fact.kind() == Inventory.Kind.CGROUP && fact.text().endsWith("/" + id))
                .map(fact -> Path.of(fact.text()))
                .flatMap(folder ->
                        Stream.of("memory.limit_in_bytes", "memory.max").map(folder::resolve))
                .filter(Files::exists)
                .map(file -> Berth.read(file).strip())
                .findFirst()
                .orElse("");
    }

    /** Before and after the start, and nothing of it if one of them cannot be. */
    @Test
    void limitsOfAContainerChange() {
        String pod = pods.run("limits");
        var first = LinuxContainerResources.newBuilder().setMemoryLimitInBytes(64 << 20);
        String id = pods.create(
                pod,
                pods.container("limits", "sleep", "1000")
                        .setLinux(LinuxContainerConfig.newBuilder().setResources(first))
                        .build());
        limit(id, LinuxContainerResources.newBuilder().setMemoryLimitInBytes(96 << 20));
        pods.start(id);
        assertThat(memoryLimit(id)).isEqualTo(Long.toString(96L << 20));
        limit(
                id,
                LinuxContainerResources.newBuilder()
                        .setMemoryLimitInBytes(80 << 20)
                        .setCpuShares(512));
        assertThat(memoryLimit(id)).isEqualTo(Long.toString(80L << 20));
        var impossible = LinuxContainerResources.newBuilder()
                .setMemoryLimitInBytes(72 << 20)
                .setCpusetCpus("9999");
        assertThat(catchThrowable(() -> limit(id, impossible))).isNotNull();
        assertThat(memoryLimit(id)).isEqualTo(Long.toString(80L << 20));
        assertThat(status(id).getResources().getLinux().getMemoryLimitInBytes()).isEqualTo(80L << 20);
        assertThat(status(id).getResources().getLinux().getCpuShares()).isEqualTo(512);
    }

    @Test
    void limitsOfAPodAreNotedAllOrNone() {
        String pod = pods.run("limited");
        var good = LinuxContainerResources.newBuilder().setCpuShares(77).build();
        var bad = LinuxContainerResources.newBuilder().setCpuShares(-1).build();
        var request = UpdatePodSandboxResourcesRequest.newBuilder().setPodSandboxId(pod);
        var verbose = PodSandboxStatusRequest.newBuilder()
                .setPodSandboxId(pod)
                .setVerbose(true)
                .build();
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT,
                () -> pods.runtime()
                        .updatePodSandboxResources(
                                request.setOverhead(good).setResources(bad).build()));
        assertThat(pods.runtime().podSandboxStatus(verbose).getInfoMap()).doesNotContainKeys("overhead", "resources");
        var _ = pods.runtime()
                .updatePodSandboxResources(request.setResources(good).build());
        assertThat(pods.runtime().podSandboxStatus(verbose).getInfoMap()).containsKeys("overhead", "resources");
        pods.stop(pod);
        GrpcPods.refused(
                Status.Code.FAILED_PRECONDITION, () -> pods.runtime().updatePodSandboxResources(request.build()));
    }
}

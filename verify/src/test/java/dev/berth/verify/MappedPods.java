package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ExecSyncResponse;
import dev.berth.wire.cri.IDMapping;
import dev.berth.wire.cri.LinuxContainerConfig;
import dev.berth.wire.cri.LinuxContainerSecurityContext;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.LinuxSandboxSecurityContext;
import dev.berth.wire.cri.Mount;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.StatusRequest;
import dev.berth.wire.cri.UserNamespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** A Berth for pods with a user namespace, and how they are asked for. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
abstract class MappedPods {
    static final int FIRST = 700_000;
    static final IDMapping IDS = ids(FIRST, 0, 65_536);

    Berth berth;
    GrpcPods pods;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.withNewRunc();
        pods = new GrpcPods(berth);
        pods.pull(berth.image("busybox"));
    }

    @AfterEach
    void removeAll() {
        if (pods != null) {
            pods.removeAll();
        }
    }

    @AfterAll
    void stop() throws IOException {
        if (pods != null) {
            pods.close();
        }
        if (berth != null) {
            berth.close();
        }
    }

    static IDMapping ids(int host, int container, int length) {
        return IDMapping.newBuilder()
                .setHostId(host)
                .setContainerId(container)
                .setLength(length)
                .build();
    }

    static NamespaceOption.Builder mapped(IDMapping... ids) {
        return NamespaceOption.newBuilder()
                .setPid(NamespaceMode.CONTAINER)
                .setUsernsOptions(UserNamespace.newBuilder()
                        .setMode(NamespaceMode.POD)
                        .addAllUids(List.of(ids))
                        .addAllGids(List.of(ids)));
    }

    PodSandboxConfig pod(String name, NamespaceOption.Builder options) {
        return pods.pod(name)
                .setHostname("inside")
                .setLinux(LinuxPodSandboxConfig.newBuilder()
                        .putSysctls("kernel.shm_rmid_forced", "1")
                        .putSysctls("net.ipv4.ip_unprivileged_port_start", "1000")
                        .setSecurityContext(
                                LinuxSandboxSecurityContext.newBuilder().setNamespaceOptions(options)))
                .build();
    }

    ContainerConfig.Builder sleeper(String name, NamespaceOption.Builder options) {
        return pods.container(name, "sleep", "10000")
                .setLinux(LinuxContainerConfig.newBuilder()
                        .setSecurityContext(
                                LinuxContainerSecurityContext.newBuilder().setNamespaceOptions(options)));
    }

    String exec(String id, String script) {
        ExecSyncResponse answer = pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(id)
                        .addAllCmd(List.of("sh", "-c", script))
                        .setTimeout(Berth.LIMIT.toSeconds())
                        .build());
        assertThat(answer.getExitCode())
                .as(() -> script + ": " + answer.getStdout().toStringUtf8()
                        + answer.getStderr().toStringUtf8())
                .isZero();
        return answer.getStdout().toStringUtf8().strip();
    }

    static int owner(Path file) throws IOException {
        return (int) Files.getAttribute(file, "unix:uid");
    }

    Path onNode(String name) throws IOException {
        try (Stream<Path> files = Files.walk(berth.root().resolve("snapshots"), 6)) {
            return files.filter(file -> file.endsWith(name)).findFirst().orElseThrow();
        }
    }

    /** A volume that only the node's root can reach, as those of the kubelet. */
    Path volume(String name) throws IOException {
        Path closed = Files.createDirectories(berth.folder().resolve("volumes-" + name));
        Files.setPosixFilePermissions(closed, PosixFilePermissions.fromString("rwx------"));
        Path volume = Files.createDirectory(closed.resolve("data"));
        Files.writeString(volume.resolve("old"), "of root");
        return volume;
    }

    static Mount mount(Path host, String inside, IDMapping... ids) {
        return Mount.newBuilder()
                .setHostPath(host.toString())
                .setContainerPath(inside)
                .addAllUidMappings(List.of(ids))
                .addAllGidMappings(List.of(ids))
                .build();
    }

    void assumeMaps(String handler) {
        Assumptions.assumeTrue(
                pods.runtime().status(StatusRequest.getDefaultInstance()).getRuntimeHandlersList().stream()
                        .anyMatch(it ->
                                it.getName().equals(handler) && it.getFeatures().getUserNamespaces()),
                handler + " is not installed");
    }
}

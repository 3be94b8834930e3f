package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.LinuxContainerConfig;
import dev.berth.wire.cri.LinuxContainerResources;
import dev.berth.wire.cri.Mount;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Containers that cannot be: bad commands and bad mounts. Whether it is the creation or the start that fails, nothing is left. */
class BadContainerTest extends BusyboxPods {
    private String pod = "";

    private void refused(ContainerConfig.Builder container, Status.Code code, String... words) {
        GrpcPods.refused(code, () -> pods.start(pods.create(pod, container.build())), words);
    }

    @Test
    void commands() {
        pod = pods.run("commands");
        refused(pods.container("none", "/no/such"), Status.Code.INVALID_ARGUMENT, "start the container: ", "/no/such");
        refused(
                pods.container("chdir", "true").setWorkingDir("/etc/passwd"),
                Status.Code.INVALID_ARGUMENT,
                "working directory");
        refused(tiny(), Status.Code.RESOURCE_EXHAUSTED, "start the container: ", "higher limit of memory");
        refused(pods.container("plain", "/etc/passwd"), Status.Code.PERMISSION_DENIED, "/etc/passwd");
    }

    private ContainerConfig.Builder tiny() {
        var limit = LinuxContainerResources.newBuilder().setMemoryLimitInBytes(1000);
        return pods.container("tiny", "true")
                .setLinux(LinuxContainerConfig.newBuilder().setResources(limit));
    }

    private ContainerConfig.Builder with(String name, String host, String target) {
        return pods.container(name, "true")
                .addMounts(Mount.newBuilder().setHostPath(host).setContainerPath(target));
    }

    @Test
    void mounts() {
        pod = pods.run("mounts");
        String host = berth.logs().toString();
        refused(with("empty", host, ""), Status.Code.INVALID_ARGUMENT, "mount");
        refused(with("below", host, "/etc/passwd/below"), Status.Code.INVALID_ARGUMENT, "start the container: ");
        refused(with("over", host, "/etc/passwd"), Status.Code.INVALID_ARGUMENT, "a file over a file");
        for (ContainerConfig.Builder container : Set.of(
                with("relative", host, "a/b"),
                with("up", host, "/../../../outside"),
                with("nohost", "", "/target"),
                with("twice", host, "/target")
                        .addMounts(Mount.newBuilder().setHostPath(host).setContainerPath("/target")))) {
            try {
                pods.start(pods.create(pod, container.build()));
            } catch (StatusRuntimeException e) {
                assertThat(e.getStatus().getCode())
                        .as(e.toString())
                        .isIn(Status.Code.INVALID_ARGUMENT, Status.Code.FAILED_PRECONDITION);
            }
        }
        assertThat(berth.folder().resolve("outside")).doesNotExist();
    }
}

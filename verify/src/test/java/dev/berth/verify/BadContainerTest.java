package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.Mount;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** Containers that cannot be: bad commands and bad mounts. Whether it is the creation or the start that fails, nothing is left. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class BadContainerTest {
    private Berth berth;
    private GrpcPods pods;
    private AtRest rest;
    private String pod = "";

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start();
        pods = new GrpcPods(berth);
        pods.pull(berth.image("busybox"));
        rest = AtRest.settled(berth);
    }

    @AfterEach
    void tidy() throws InterruptedException {
        pods.removeAll();
        rest.isSame(berth);
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            pods.close();
            berth.close();
        }
    }

    private void refused(ContainerConfig.Builder container, Status.Code code, String... words) {
        GrpcPods.refused(code, () -> pods.start(pods.create(pod, container.build())), words);
    }

    @Test
    void commands() {
        pod = pods.run("commands");
        refused(pods.container("none", "/no/such"), Status.Code.INVALID_ARGUMENT, "/no/such");
        refused(pods.container("plain", "/etc/passwd"), Status.Code.PERMISSION_DENIED, "/etc/passwd");
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

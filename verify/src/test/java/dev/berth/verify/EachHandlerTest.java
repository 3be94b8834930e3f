package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.HugepageLimit;
import dev.berth.wire.cri.LinuxContainerConfig;
import dev.berth.wire.cri.LinuxContainerResources;
import dev.berth.wire.cri.LinuxContainerSecurityContext;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.UpdateContainerResourcesRequest;
import io.grpc.Status;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What runtimes do in different ways comes to the same for who asks. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class EachHandlerTest {
    private Berth berth;
    private GrpcPods pods;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        Peers.need("runc");
        berth = Berth.withNewRunc();
        pods = new GrpcPods(berth);
        pods.pull(berth.image("busybox"));
    }

    @AfterEach
    void removeAll() {
        pods.removeAll();
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            pods.close();
            berth.close();
        }
    }

    private String pod(String name, String handler) {
        return pods.run(pods.pod(name + "-" + handler).build(), handler);
    }

    private ContainerConfig joining(String name, String target) {
        return pods.container(name, "sh", "-c", "ps; sleep 1000")
                .setLinux(LinuxContainerConfig.newBuilder()
                        .setSecurityContext(LinuxContainerSecurityContext.newBuilder()
                                .setNamespaceOptions(NamespaceOption.newBuilder()
                                        .setPid(NamespaceMode.TARGET)
                                        .setTargetId(target))))
                .build();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc", "runc-new"})
    void onlyAContainerOfTheSamePodThatRunsIsJoined(String handler) {
        String pod = pod("target", handler);
        String target = pods.create(pod, pods.container("main", "sleep", "4321").build());
        GrpcPods.refused(
                Status.Code.FAILED_PRECONDITION, () -> pods.create(pod, joining("early", target)), "Start it first");
        pods.start(target);
        String beside = pods.create(pod, joining("beside", target));
        pods.start(beside);
        assertThat(pods.runtime()
                        .execSync(ExecSyncRequest.newBuilder()
                                .setContainerId(beside)
                                .addAllCmd(List.of("ps"))
                                .build())
                        .getStdout()
                        .toStringUtf8())
                .contains("sleep 4321");
        String other = pod("other", handler);
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT, () -> pods.create(other, joining("spy", target)), "none of that id");
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT, () -> pods.create(pod, joining("lost", "nope")), "none of that id");
    }

    /** The kubelet limits every size of huge pages of every container, whether or not the node counts them. */
    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc", "runc-new"})
    void limitsOfHugePagesDoNoHarmWhereNobodyCountsThem(String handler) {
        var limits = LinuxContainerResources.newBuilder()
                .addHugepageLimits(HugepageLimit.newBuilder().setPageSize("2MB"))
                .addHugepageLimits(HugepageLimit.newBuilder().setPageSize("1GB"))
                .setMemoryLimitInBytes(64 << 20);
        String id = pods.create(
                pod("pages", handler),
                pods.container("main", "sleep", "1000")
                        .setLinux(LinuxContainerConfig.newBuilder().setResources(limits))
                        .build());
        pods.start(id);
        assertThat(pods.runtime()
                        .updateContainerResources(UpdateContainerResourcesRequest.newBuilder()
                                .setContainerId(id)
                                .setLinux(limits.setMemoryLimitInBytes(96 << 20))
                                .build())
                        .getSerializedSize())
                .isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc", "runc-new"})
    void aProgramThatIsNotThereIsTheRequestsFault(String handler) {
        String pod = pod("missing", handler);
        String id = pods.create(pod, pods.container("main", "/no/such").build());
        GrpcPods.refused(Status.Code.INVALID_ARGUMENT, () -> pods.start(id), "exec: \"/no/such\"");
        String text = pods.create(pod, pods.container("text", "/etc/passwd").build());
        GrpcPods.refused(Status.Code.PERMISSION_DENIED, () -> pods.start(text), "permission denied");
    }
}

package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Message;
import dev.berth.wire.cri.AttachRequest;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.CreateContainerRequest;
import dev.berth.wire.cri.ExecRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.LinuxContainerResources;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.PortForwardRequest;
import dev.berth.wire.cri.RemoveContainerRequest;
import dev.berth.wire.cri.RemovePodSandboxRequest;
import dev.berth.wire.cri.ReopenContainerLogRequest;
import dev.berth.wire.cri.StartContainerRequest;
import dev.berth.wire.cri.StopContainerRequest;
import dev.berth.wire.cri.StopPodSandboxRequest;
import dev.berth.wire.cri.UpdateContainerResourcesRequest;
import dev.berth.wire.cri.UpdatePodSandboxResourcesRequest;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.Status.Code;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What each call answers in each state, and twice at once. */
class StatesTest extends BusyboxPods {
    enum ContainerIs {
        CREATED,
        RUNNING,
        EXITED,
        GONE
    }

    enum PodIs {
        READY,
        STOPPED,
        GONE
    }

    private static final Code OK = Code.OK;
    private static final Code STATE = Code.FAILED_PRECONDITION;
    private static final Code NONE = Code.NOT_FOUND;

    /** In the order of {@link ContainerIs}. */
    private static final Map<String, List<Code>> OF_CONTAINERS = Map.of(
            "ContainerStatus", List.of(OK, OK, OK, NONE),
            "UpdateContainerResources", List.of(OK, OK, STATE, NONE),
            "ReopenContainerLog", List.of(STATE, OK, STATE, NONE),
            "ExecSync", List.of(STATE, OK, STATE, NONE),
            "Exec", List.of(STATE, OK, STATE, NONE),
            "Attach", List.of(STATE, OK, STATE, NONE),
            "StartContainer", List.of(OK, STATE, STATE, NONE),
            "StopContainer", List.of(OK, OK, OK, OK),
            "RemoveContainer", List.of(OK, OK, OK, OK));

    /** In the order of {@link PodIs}. */
    private static final Map<String, List<Code>> OF_PODS = Map.of(
            "PodSandboxStatus", List.of(OK, OK, NONE),
            "CreateContainer", List.of(OK, STATE, NONE),
            "PortForward", List.of(OK, STATE, NONE),
            "UpdatePodSandboxResources", List.of(OK, STATE, NONE),
            "StopPodSandbox", List.of(OK, OK, OK),
            "RemovePodSandbox", List.of(OK, OK, OK));

    private Code call(Message request) {
        String name = request.getDescriptorForType().getName().replace("Request", "");
        MethodDescriptor<?, ?> method = CriCalls.all().stream()
                .filter(each -> CriCalls.name(each).equals(name))
                .findFirst()
                .orElseThrow();
        return CriCalls.call(pods.runtime().getChannel(), method, request, Berth.LIMIT)
                .getCode();
    }

    private static Message ofContainer(String call, String id) {
        return switch (call) {
            case "ContainerStatus" ->
                ContainerStatusRequest.newBuilder().setContainerId(id).build();
            case "UpdateContainerResources" ->
                UpdateContainerResourcesRequest.newBuilder()
                        .setContainerId(id)
                        .setLinux(LinuxContainerResources.newBuilder().setCpuShares(512))
                        .build();
            case "ReopenContainerLog" ->
                ReopenContainerLogRequest.newBuilder().setContainerId(id).build();
            case "ExecSync" ->
                ExecSyncRequest.newBuilder().setContainerId(id).addCmd("true").build();
            case "Exec" ->
                ExecRequest.newBuilder()
                        .setContainerId(id)
                        .addCmd("true")
                        .setStdout(true)
                        .build();
            case "Attach" ->
                AttachRequest.newBuilder().setContainerId(id).setStdout(true).build();
            case "StartContainer" ->
                StartContainerRequest.newBuilder().setContainerId(id).build();
            case "StopContainer" ->
                StopContainerRequest.newBuilder().setContainerId(id).build();
            case "RemoveContainer" ->
                RemoveContainerRequest.newBuilder().setContainerId(id).build();
            default -> throw new IllegalArgumentException(call);
        };
    }

    private Message ofPod(String call, String id) {
        return switch (call) {
            case "PodSandboxStatus" ->
                PodSandboxStatusRequest.newBuilder().setPodSandboxId(id).build();
            case "CreateContainer" ->
                CreateContainerRequest.newBuilder()
                        .setPodSandboxId(id)
                        .setConfig(pods.container("in-" + call, "true"))
                        .build();
            case "PortForward" ->
                PortForwardRequest.newBuilder().setPodSandboxId(id).build();
            case "UpdatePodSandboxResources" ->
                UpdatePodSandboxResourcesRequest.newBuilder()
                        .setPodSandboxId(id)
                        .build();
            case "StopPodSandbox" ->
                StopPodSandboxRequest.newBuilder().setPodSandboxId(id).build();
            case "RemovePodSandbox" ->
                RemovePodSandboxRequest.newBuilder().setPodSandboxId(id).build();
            default -> throw new IllegalArgumentException(call);
        };
    }

    private String container(String pod, String name, ContainerIs state) {
        String id = pods.create(pod, pods.container(name, "sleep", "1000").build());
        if (state == ContainerIs.RUNNING || state == ContainerIs.EXITED) {
            pods.start(id);
        }
        if (state == ContainerIs.EXITED) {
            assertThat(call(ofContainer("StopContainer", id))).isEqualTo(OK);
        }
        if (state == ContainerIs.GONE) {
            assertThat(call(ofContainer("RemoveContainer", id))).isEqualTo(OK);
        }
        return id;
    }

    @ParameterizedTest
    @EnumSource(ContainerIs.class)
    void aContainerThatIs(ContainerIs state) {
        String pod = pods.run("states");
        var wrong = new ArrayList<String>();
        OF_CONTAINERS.forEach((call, codes) -> {
            String id = container(pod, call, state);
            Code code = call(ofContainer(call, id));
            if (code != codes.get(List.of(ContainerIs.values()).indexOf(state))) {
                wrong.add(call + ": " + code);
            }
        });
        assertThat(wrong).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(PodIs.class)
    void aPodThatIs(PodIs state) {
        var wrong = new ArrayList<String>();
        OF_PODS.forEach((call, codes) -> {
            String pod = pods.run("state-" + call);
            if (state != PodIs.READY) {
                pods.stop(pod);
            }
            if (state == PodIs.GONE) {
                pods.remove(pod);
            }
            Code code = call(ofPod(call, pod));
            if (code != codes.get(List.of(PodIs.values()).indexOf(state))) {
                wrong.add(call + ": " + code);
            }
        });
        assertThat(wrong).isEmpty();
    }

    /** One of two equal calls may find that the other was first; neither fails in another way, and both end. */
    @Test
    void eachCallTwiceAtOnce() throws Exception {
        String pod = pods.run("twice");
        var wrong = new ArrayList<String>();
        try (ExecutorService both = Executors.newVirtualThreadPerTaskExecutor()) {
            for (String name : OF_CONTAINERS.keySet()) {
                for (ContainerIs state : List.of(ContainerIs.CREATED, ContainerIs.RUNNING)) {
                    String id = container(pod, name + state, state);
                    Message request = ofContainer(name, id);
                    Future<Code> one = both.submit(() -> call(request));
                    Future<Code> two = both.submit(() -> call(request));
                    for (Code code : List.of(one.get(), two.get())) {
                        if (!List.of(OK, STATE, NONE).contains(code)) {
                            wrong.add(name + " of one that is " + state + ": " + code);
                        }
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void idsWithPathsInThem() {
        for (String id : List.of("..", "../..", "/", "a/../b", "\0", "x\ny", "%2e%2e", "a".repeat(1 << 20))) {
            for (String name : OF_CONTAINERS.keySet()) {
                assertThat(call(ofContainer(name, id))).as(name).isIn(OK, NONE, Code.INVALID_ARGUMENT);
            }
            for (String name : OF_PODS.keySet()) {
                Status.Code code = call(ofPod(name, id));
                assertThat(code).as(name).isIn(OK, NONE, Code.INVALID_ARGUMENT);
            }
        }
    }
}

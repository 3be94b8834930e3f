package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** Every call of CRI with what a careless client may send: nothing at all, unknown ids, empty messages in every place. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CallsTest {
    private static final String UNKNOWN = "0123456789abcdef".repeat(4);
    private static final int DEPTH = 4;

    private static final Status.Code OK = Status.Code.OK;
    private static final Status.Code INVALID = Status.Code.INVALID_ARGUMENT;
    private static final Status.Code NOT_FOUND = Status.Code.NOT_FOUND;

    /** How each call ends without anything in it; every call is here, so that a new one is thought of. */
    private static final Map<String, Status.Code> EMPTY = Map.ofEntries(
            Map.entry("Version", OK),
            Map.entry("RunPodSandbox", INVALID),
            Map.entry("StopPodSandbox", INVALID),
            Map.entry("RemovePodSandbox", INVALID),
            Map.entry("PodSandboxStatus", INVALID),
            Map.entry("ListPodSandbox", OK),
            Map.entry("StreamPodSandboxes", OK),
            Map.entry("CreateContainer", INVALID),
            Map.entry("StartContainer", INVALID),
            Map.entry("StopContainer", INVALID),
            Map.entry("RemoveContainer", INVALID),
            Map.entry("ListContainers", OK),
            Map.entry("StreamContainers", OK),
            Map.entry("ContainerStatus", INVALID),
            Map.entry("UpdateContainerResources", INVALID),
            Map.entry("ReopenContainerLog", INVALID),
            Map.entry("ExecSync", INVALID),
            Map.entry("Exec", INVALID),
            Map.entry("Attach", INVALID),
            Map.entry("PortForward", INVALID),
            Map.entry("ContainerStats", INVALID),
            Map.entry("ListContainerStats", OK),
            Map.entry("StreamContainerStats", OK),
            Map.entry("PodSandboxStats", INVALID),
            Map.entry("ListPodSandboxStats", OK),
            Map.entry("StreamPodSandboxStats", OK),
            Map.entry("ListMetricDescriptors", OK),
            Map.entry("ListPodSandboxMetrics", OK),
            Map.entry("StreamPodSandboxMetrics", OK),
            Map.entry("UpdatePodSandboxResources", INVALID),
            Map.entry("CheckpointContainer", INVALID),
            Map.entry("CheckpointPod", INVALID),
            Map.entry("RestorePod", INVALID),
            Map.entry("UpdateRuntimeConfig", OK),
            Map.entry("Status", OK),
            Map.entry("RuntimeConfig", OK),
            Map.entry("ListImages", OK),
            Map.entry("StreamImages", OK),
            Map.entry("ImageStatus", INVALID),
            Map.entry("PullImage", INVALID),
            Map.entry("RemoveImage", INVALID),
            Map.entry("ImageFsInfo", OK));

    /** Stopping and removing what is not there succeeds, and an image that is not there has no status. */
    private static final Set<String> HARMLESS = Set.of(
            "StopPodSandbox", "RemovePodSandbox", "StopContainer", "RemoveContainer", "RemoveImage", "ImageStatus");

    private Berth berth;
    private GrpcPods pods;
    private AtRest rest;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start();
        pods = new GrpcPods(berth);
        rest = AtRest.settled(berth);
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            pods.close();
            berth.close();
        }
    }

    private static List<MethodDescriptor<?, ?>> methods() {
        return CriCalls.all().stream()
                .filter(method -> !name(method).equals("GetContainerEvents")) // has no end
                .toList();
    }

    private static String name(MethodDescriptor<?, ?> method) {
        return CriCalls.name(method);
    }

    private static Message prototype(MethodDescriptor<?, ?> method) {
        return CriCalls.prototype(method);
    }

    private Status call(MethodDescriptor<?, ?> method, Message request) {
        return CriCalls.call(pods.runtime().getChannel(), method, request, Berth.LIMIT);
    }

    @Test
    void withoutAnythingInIt() throws InterruptedException {
        var wrong = new ArrayList<String>();
        for (MethodDescriptor<?, ?> method : methods()) {
            Status status = call(method, prototype(method));
            if (status.getCode() != EMPTY.get(name(method)) || !explained(status)) {
                wrong.add(name(method) + ": " + status);
            }
        }
        assertThat(wrong).isEmpty();
        rest.isSame(berth);
    }

    /** What, why, and what to do: at least a reason and a second sentence. */
    private static boolean explained(Status status) {
        if (status.isOk() || status.getCode() == Status.Code.UNIMPLEMENTED) {
            return true;
        }
        return String.valueOf(status.getDescription()).matches("(?s).+: .+\\. .+");
    }

    private static boolean isId(FieldDescriptor field) {
        return field.getName().equals("container_id") || field.getName().equals("pod_sandbox_id");
    }

    @Test
    void withUnknownIds() throws InterruptedException {
        var wrong = new ArrayList<String>();
        var seen = new ArrayList<String>();
        for (MethodDescriptor<?, ?> method : methods()) {
            Message.Builder request = filled(prototype(method), DEPTH);
            List<FieldDescriptor> ids = request.getDescriptorForType().getFields().stream()
                    .filter(CallsTest::isId)
                    .toList();
            if (ids.isEmpty()) {
                continue;
            }
            seen.add(name(method));
            ids.forEach(id -> request.setField(id, UNKNOWN));
            Status.Code expected = HARMLESS.contains(name(method)) ? OK : NOT_FOUND;
            Status status = call(method, sensible(method, request));
            if (status.getCode() != expected
                    || (!status.isOk()
                            && !String.valueOf(status.getDescription()).contains(UNKNOWN))
                    || !explained(status)) {
                wrong.add(name(method) + ": " + status);
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(seen).hasSizeGreaterThanOrEqualTo(16);
        rest.isSame(berth);
    }

    /** A request whose only mistake is the id. */
    private Message sensible(MethodDescriptor<?, ?> method, Message.Builder request) {
        return switch (name(method)) {
            case "CreateContainer" ->
                dev.berth.wire.cri.CreateContainerRequest.newBuilder()
                        .setPodSandboxId(UNKNOWN)
                        .setSandboxConfig(pods.pod("x"))
                        .setConfig(pods.container("x", "true"))
                        .build();
            case "ExecSync" ->
                dev.berth.wire.cri.ExecSyncRequest.newBuilder()
                        .setContainerId(UNKNOWN)
                        .addCmd("true")
                        .build();
            case "Exec" ->
                dev.berth.wire.cri.ExecRequest.newBuilder()
                        .setContainerId(UNKNOWN)
                        .addCmd("true")
                        .setStdout(true)
                        .build();
            case "Attach" ->
                dev.berth.wire.cri.AttachRequest.newBuilder()
                        .setContainerId(UNKNOWN)
                        .setStdout(true)
                        .build();
            default -> request.build();
        };
    }

    /** Every message that a request can have in it is there and empty, every list has one empty item. */
    @Test
    void withEmptyMessagesEverywhere() throws InterruptedException {
        var wrong = new ArrayList<String>();
        for (MethodDescriptor<?, ?> method : methods()) {
            for (int depth = 1; depth <= DEPTH; depth++) {
                Status status = call(method, filled(prototype(method), depth).build());
                if (Set.of(Status.Code.INTERNAL, Status.Code.UNKNOWN, Status.Code.DEADLINE_EXCEEDED)
                        .contains(status.getCode())) {
                    wrong.add(name(method) + " " + depth + ": " + status);
                }
            }
        }
        assertThat(wrong).isEmpty();
        rest.isSame(berth);
    }

    private static Message.Builder filled(Message prototype, int depth) {
        Message.Builder builder = prototype.newBuilderForType();
        for (FieldDescriptor field : builder.getDescriptorForType().getFields()) {
            if (depth == 0 || field.isMapField()) {
                continue;
            }
            if (field.getJavaType() == FieldDescriptor.JavaType.MESSAGE) {
                Message inner = filled(builder.newBuilderForField(field).build(), depth - 1)
                        .build();
                if (field.isRepeated()) {
                    builder.addRepeatedField(field, inner);
                } else {
                    builder.setField(field, inner);
                }
            } else if (field.getJavaType() == FieldDescriptor.JavaType.STRING && field.isRepeated()) {
                builder.addRepeatedField(field, "");
            }
        }
        return builder;
    }
}

package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.berth.wire.cri.CreateContainerRequest;
import dev.berth.wire.cri.RunPodSandboxRequest;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each field of each request, one at a time, with what no honest client sends: control characters, a NUL, a mebibyte, paths that
 * lead out, numbers at their limits, unknown symbols, messages that are missing or empty. Whatever is made of it, the answer is
 * never INTERNAL or UNKNOWN.
 */
class EachFieldTest extends BusyboxPods {
    private static final Set<Status.Code> WRONG = Set.of(Status.Code.INTERNAL, Status.Code.UNKNOWN);
    private static final int DEPTH = 7;

    /** A stop may be asked to take for ever. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private static final List<String> TEXTS =
            List.of("a\nb", "\0", "\u0001\u001b[2J", "..", "../../../../tmp/x", "A".repeat(1 << 20));

    private int names;

    static List<String> calls() {
        return CriCalls.all().stream()
                .map(CriCalls::name)
                .filter(name -> !name.equals("GetContainerEvents")) // has no end, and no field
                .toList();
    }

    @ParameterizedTest
    @MethodSource("calls")
    void withEachFieldOutOfPlace(String call) {
        MethodDescriptor<?, ?> method = CriCalls.all().stream()
                .filter(each -> CriCalls.name(each).equals(call))
                .findFirst()
                .orElseThrow();
        String pod = pods.run("each");
        String container =
                pods.create(pod, pods.container("each", "sleep", "1000").build());
        pods.start(container);
        var wrong = new ArrayList<String>();
        var field = new ArrayList<String>();
        spoil(CriCalls.prototype(method).toBuilder(), DEPTH, field, spoilt -> {
            Message request = sensible(method, pod, container).mergeFrom(spoilt).build();
            Status status = CriCalls.call(pods.runtime().getChannel(), method, request, PATIENCE);
            if (WRONG.contains(status.getCode()) || !berth.daemon().isAlive()) {
                wrong.add(field + ": " + status);
            }
            if (status.isOk() && call.equals("RunPodSandbox")) { // there are not so many addresses
                pods.removeAllBut(pod);
            }
        });
        assertThat(wrong).isEmpty();
        pods.pull(berth.image("busybox"));
    }

    private Message.Builder sensible(MethodDescriptor<?, ?> method, String pod, String container) {
        names++;
        return switch (CriCalls.name(method)) {
            case "RunPodSandbox" -> RunPodSandboxRequest.newBuilder().setConfig(pods.pod("any" + names));
            case "CreateContainer" ->
                CreateContainerRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .setConfig(pods.container("any" + names, "sleep", "1000"));
            default -> FuzzTest.withIds(CriCalls.prototype(method), pod, container).toBuilder();
        };
    }

    /** Gives the request with one field out of place, for each field and each way. */
    private static void spoil(Message.Builder builder, int depth, List<String> path, Consumer<Message> then) {
        if (depth == 0) {
            return;
        }
        for (FieldDescriptor field : builder.getDescriptorForType().getFields()) {
            path.addLast(field.getName());
            if (field.isMapField()) {
                for (String text : TEXTS) {
                    Message.Builder entry = builder.newBuilderForField(field);
                    entry.setField(field.getMessageType().findFieldByName("key"), text);
                    entry.setField(field.getMessageType().findFieldByName("value"), text);
                    then.accept(builder.clone()
                            .addRepeatedField(field, entry.build())
                            .build());
                }
            } else if (field.getJavaType() == FieldDescriptor.JavaType.MESSAGE) {
                then.accept(
                        with(builder, field, builder.newBuilderForField(field).build()));
                spoil(
                        builder.newBuilderForField(field),
                        depth - 1,
                        path,
                        inner -> then.accept(with(builder, field, inner)));
            } else {
                values(field).forEach(value -> then.accept(with(builder, field, value)));
            }
            path.removeLast();
        }
    }

    private static Message with(Message.Builder builder, FieldDescriptor field, Object value) {
        Message.Builder copy = builder.clone();
        return (field.isRepeated() ? copy.addRepeatedField(field, value) : copy.setField(field, value)).build();
    }

    private static List<?> values(FieldDescriptor field) {
        return switch (field.getJavaType()) {
            case STRING -> TEXTS;
            case BOOLEAN -> List.of(true);
            case INT -> List.of(-1, Integer.MAX_VALUE, Integer.MIN_VALUE);
            case LONG -> List.of(-1L, Long.MAX_VALUE, Long.MIN_VALUE);
            case FLOAT, DOUBLE -> List.of();
            case BYTE_STRING -> List.of(ByteString.fromHex("ff"), ByteString.copyFrom(new byte[1 << 20]));
            case ENUM -> List.of(field.getEnumType().findValueByNumberCreatingIfUnknown(1234));
            case MESSAGE -> throw new IllegalArgumentException(field.getName());
        };
    }
}

package dev.berth.cri.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.LinuxContainerResources;
import dev.berth.wire.cri.PodSandboxConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/**
 * Each field of a request's description of a pod, a container, limits, alone and with a value of its own: the value is in the
 * record that the rest of the program sees. What becomes of it there is told by the tests of those who read it.
 */
class FromProtoTest {
    /** What docs/cri.md says has no meaning on Linux, or is not for a client to say. */
    private static final Set<String> NOWHERE =
            Set.of("PodSandboxConfig.windows", "ContainerConfig.windows", "ImageSpec.image_ref");

    private final List<String> lost = new ArrayList<>();
    private int marks = 20_000;
    private int seen;

    @Test
    void everyFieldArrives() {
        var pod = PodSandboxConfig.newBuilder();
        pod.getMetadataBuilder();
        check(pod, given -> PodFromProto.pod((PodSandboxConfig) given).toString());
        var container = ContainerConfig.newBuilder();
        container.getMetadataBuilder();
        check(
                container,
                given -> ContainerFromProto.container((ContainerConfig) given).toString());
        check(
                LinuxContainerResources.newBuilder(),
                given -> PodFromProto.resources((LinuxContainerResources) given).toString());
        assertThat(lost).isEmpty();
        assertThat(seen).as("values that were looked for").isGreaterThan(200);
    }

    private void check(Message.Builder base, Function<Message, String> record) {
        each(base, base.getDescriptorForType().getName(), (given, without, value) -> {
            String with = record.apply(given);
            boolean there = value.mark().isEmpty() ? !with.equals(record.apply(without)) : with.contains(value.mark());
            if (!there) {
                lost.add(value.field() + " of " + value.mark());
            }
            seen++;
        });
    }

    /** @param mark what must be found; empty if it is only a difference that can be told */
    private record Value(String field, String mark) {}

    private interface Look {
        /** @param without the same without the one value, but with the messages around it */
        void at(Message given, Message without, Value value);
    }

    /** Gives the message with each field set in turn, those of the messages in it included. */
    private void each(Message.Builder base, String name, Look look) {
        for (FieldDescriptor field : base.getDescriptorForType().getFields()) {
            String path = name + "." + field.getName();
            if (NOWHERE.contains(base.getDescriptorForType().getName() + "." + field.getName())) {
                continue;
            }
            if (field.isMapField()) {
                Message.Builder entry = base.newBuilderForField(field);
                String key = mark();
                String value = mark();
                entry.setField(field.getMessageType().findFieldByName("key"), key);
                entry.setField(field.getMessageType().findFieldByName("value"), value);
                Message given =
                        base.clone().addRepeatedField(field, entry.build()).build();
                look.at(given, base.build(), new Value(path, key));
                look.at(given, base.build(), new Value(path, value));
            } else if (field.getJavaType() == FieldDescriptor.JavaType.MESSAGE) {
                Message.Builder inner = field.isRepeated()
                        ? base.newBuilderForField(field)
                        : ((Message) base.getField(field)).toBuilder();
                if (inner instanceof ImageSpec.Builder image) {
                    image.setImage("any"); // without a name it is none
                }
                each(
                        inner,
                        path,
                        (given, without, value) ->
                                look.at(with(base, field, given), with(base, field, without), value));
            } else {
                values(base, field, path, look);
            }
        }
    }

    private void values(Message.Builder base, FieldDescriptor field, String path, Look look) {
        String text = mark();
        switch (field.getJavaType()) {
            case STRING -> look.at(with(base, field, text), base.build(), new Value(path, text));
            case BYTE_STRING ->
                look.at(with(base, field, ByteString.copyFromUtf8(text)), base.build(), new Value(path, text));
            case INT -> look.at(with(base, field, marks), base.build(), new Value(path, String.valueOf(marks)));
            case LONG -> look.at(with(base, field, (long) marks), base.build(), new Value(path, String.valueOf(marks)));
            case BOOLEAN -> look.at(with(base, field, true), base.build(), new Value(path, ""));
            case ENUM ->
                field.getEnumType().getValues().stream()
                        .filter(value -> value.getNumber() != 0)
                        .forEach(value -> look.at(with(base, field, value), base.build(), new Value(path, "")));
            case FLOAT, DOUBLE, MESSAGE -> throw new IllegalArgumentException(path);
        }
    }

    private String mark() {
        marks++;
        return "mark-" + marks;
    }

    private static Message with(Message.Builder base, FieldDescriptor field, Object value) {
        Message.Builder copy = base.clone();
        return (field.isRepeated() ? copy.addRepeatedField(field, value) : copy.setField(field, value)).build();
    }
}

package dev.berth.verify;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Requests that are well formed and nothing else: a sensible one in which some fields are others, or one that is made up.
 * What could reach beyond the machine or do harm to it is drawn from short lists: images come from loopback, paths of the node
 * lie in one folder.
 */
final class RandomRequests {
    private static final int DEPTH = 6;

    private static final List<String> ODD = List.of(
            "",
            "x",
            " ",
            "..",
            "../../../../etc/passwd",
            "/",
            "a/../../b",
            "line\nbreak",
            "\u0000",
            "\u0001\u001b[31m",
            "ünïcödé \ud83d\ude00",
            "%s%n{}",
            "-1",
            "18446744073709551616",
            "a:b:c",
            "'; rm x",
            "\"",
            "A".repeat(300),
            "long".repeat(5_000));

    private static final List<Long> NUMBERS = List.of(
            0L, 1L, -1L, 2L, 7L, 1000L, 65_535L, 65_536L, 1L << 31, (1L << 31) - 1, Long.MAX_VALUE, Long.MIN_VALUE);

    private static final List<String> SYSCTLS = List.of(
            "net.ipv4.ip_unprivileged_port_start", "kernel.shmmax", "kernel.hostname", "net/../kernel/panic", "a");

    private static final List<String> ANNOTATIONS = List.of(
            "kubernetes.io/egress-bandwidth",
            "cdi.k8s.io/x",
            "io.kubernetes.cri.sandbox-id",
            "run.oci.keep_original_groups");

    private final Random random;
    private final Map<String, List<String>> words;

    /** @param words for the name of a field what it may be besides odd things */
    RandomRequests(Random random, Map<String, List<String>> words) {
        this.random = random;
        this.words = words;
    }

    /** A request of a kind, from a sensible one if there is one. */
    Message next(Message sensible) {
        if (random.nextInt(4) == 0) {
            return made(sensible.newBuilderForType(), DEPTH).build();
        }
        Message.Builder changed = sensible.toBuilder();
        for (int times = random.nextInt(4); times > 0; times--) {
            change(changed, DEPTH);
        }
        return changed.build();
    }

    /** Puts something else into one field, anywhere. */
    private void change(Message.Builder builder, int depth) {
        List<FieldDescriptor> fields = builder.getDescriptorForType().getFields();
        if (fields.isEmpty()) {
            return;
        }
        FieldDescriptor field = one(fields);
        boolean inner = field.getJavaType() == FieldDescriptor.JavaType.MESSAGE && !field.isRepeated();
        if (inner && random.nextInt(8) > 0) {
            Message.Builder below = ((Message) builder.getField(field)).toBuilder();
            change(below, depth - 1);
            builder.setField(field, below.build());
        } else if (random.nextInt(6) == 0) {
            builder.clearField(field);
        } else {
            fill(builder, field, depth);
        }
    }

    private Message.Builder made(Message.Builder builder, int depth) {
        for (FieldDescriptor field : builder.getDescriptorForType().getFields()) {
            if (depth > 0 && random.nextInt(3) > 0) {
                fill(builder, field, depth);
            }
        }
        return builder;
    }

    private void fill(Message.Builder builder, FieldDescriptor field, int depth) {
        if (!field.isRepeated()) {
            builder.setField(field, value(builder, field, depth));
            return;
        }
        builder.clearField(field);
        for (int items = random.nextInt(4); items > 0; items--) {
            if (field.isMapField()) {
                builder.addRepeatedField(field, entry(builder, field));
            } else {
                builder.addRepeatedField(field, value(builder, field, depth));
            }
        }
    }

    private Message entry(Message.Builder builder, FieldDescriptor field) {
        Message.Builder entry = builder.newBuilderForField(field);
        List<String> keys = switch (field.getName()) {
            case "sysctls" -> SYSCTLS;
            case "annotations" -> ANNOTATIONS;
            default -> ODD;
        };
        return entry.setField(
                        field.getMessageType().findFieldByName("key"), random.nextBoolean() ? one(keys) : one(ODD))
                .setField(field.getMessageType().findFieldByName("value"), one(ODD))
                .build();
    }

    private Object value(Message.Builder builder, FieldDescriptor field, int depth) {
        return switch (field.getJavaType()) {
            case STRING -> text(field.getName());
            case BOOLEAN -> random.nextBoolean();
            case INT -> (int) (long) one(NUMBERS);
            case LONG -> one(NUMBERS);
            case DOUBLE, FLOAT -> 0.5;
            case BYTE_STRING -> random.nextBoolean() ? ByteString.copyFromUtf8(one(ODD)) : ByteString.fromHex("ff00fe");
            case ENUM -> symbol(field);
            case MESSAGE -> made(builder.newBuilderForField(field), depth - 1).build();
        };
    }

    private EnumValueDescriptor symbol(FieldDescriptor field) {
        return random.nextInt(8) == 0
                ? field.getEnumType().findValueByNumberCreatingIfUnknown(1234)
                : one(field.getEnumType().getValues());
    }

    private String text(String field) {
        List<String> known = words.getOrDefault(field, ODD);
        boolean bounded = RESTRICTED.contains(field);
        return bounded || random.nextInt(3) > 0 ? one(known) : mutated(one(known));
    }

    /** Fields whose words lead to places: no others are made up. */
    private static final java.util.Set<String> RESTRICTED = java.util.Set.of(
            "image",
            "image_ref",
            "user_specified_image",
            "host_path",
            "log_directory",
            "log_path",
            "cgroup_parent",
            "pod_cidr",
            "server_address",
            "location",
            "output_path",
            "checkpoint_path",
            "localhost_ref");

    private String mutated(String text) {
        if (text.isEmpty()) {
            return one(ODD);
        }
        int at = random.nextInt(text.length());
        return switch (random.nextInt(4)) {
            case 0 -> text.substring(0, at);
            case 1 -> text.substring(0, at) + one(ODD) + text.substring(at);
            case 2 -> text.substring(0, at) + (char) random.nextInt(0x80) + text.substring(at + 1);
            default -> one(ODD);
        };
    }

    private <T> T one(List<T> all) {
        return all.get(random.nextInt(all.size()));
    }
}

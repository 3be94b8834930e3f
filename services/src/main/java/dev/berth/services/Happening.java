package dev.berth.services;

import com.google.protobuf.Any;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.wire.shim.types.Envelope;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An event on its way to those who listen.
 *
 * @param event what is in the envelope, if its type is known
 */
record Happening(Envelope envelope, @Nullable Message event) {
    private static final Pattern TOPIC =
            Pattern.compile("(/[A-Za-z0-9]+(?:[-._]+[A-Za-z0-9]+)*)+"); // each part is an identifier

    static Happening of(Instant at, Namespace namespace, String topic, Message event) {
        return new Happening(
                Envelope.newBuilder()
                        .setTimestamp(Messages.time(at))
                        .setNamespace(namespace.name())
                        .setTopic(topic)
                        .setEvent(Any.newBuilder()
                                .setTypeUrl(event.getDescriptorForType().getFullName())
                                .setValue(event.toByteString()))
                        .build(),
                event);
    }

    /**
     * One that a client sent.
     *
     * @throws Fault INVALID_ARGUMENT if its namespace or topic is none
     */
    static Happening of(Envelope envelope) {
        var _ = new Namespace(envelope.getNamespace());
        if (!TOPIC.matcher(envelope.getTopic()).matches()) {
            throw Fault.invalid(
                    "the event",
                    "\"" + envelope.getTopic() + "\" is not a topic",
                    "Write it as /what/happened, with letters, digits and - _ . in each part");
        }
        return new Happening(envelope, Topics.read(envelope.getEvent()));
    }

    /** For filters. */
    Optional<String> field(List<String> path) {
        Message message = event;
        return switch (path.getFirst()) {
            case "namespace" -> Filters.unlessEmpty(envelope.getNamespace());
            case "topic" -> Filters.unlessEmpty(envelope.getTopic());
            case "event" -> message == null ? Optional.empty() : in(message, path.subList(1, path.size()));
            default -> Optional.empty();
        };
    }

    private static Optional<String> in(MessageOrBuilder message, List<String> path) {
        FieldDescriptor field =
                path.isEmpty() ? null : message.getDescriptorForType().findFieldByName(path.getFirst());
        if (field == null) {
            return Optional.empty();
        }
        if (field.isMapField()) {
            return Filters.in(map(message, field), path);
        }
        return switch (message.getField(field)) {
            case String text -> Filters.unlessEmpty(text);
            case Message inner when !field.isRepeated() -> in(inner, path.subList(1, path.size()));
            default -> Optional.empty();
        };
    }

    private static Map<String, String> map(MessageOrBuilder message, FieldDescriptor field) {
        Map<String, String> map = new TreeMap<>();
        for (int i = 0; i < message.getRepeatedFieldCount(field); i++) {
            if (message.getRepeatedField(field, i) instanceof Message entry) {
                var type = entry.getDescriptorForType();
                map.put(
                        entry.getField(type.findFieldByNumber(1)).toString(),
                        entry.getField(type.findFieldByNumber(2)).toString());
            }
        }
        return map;
    }

    /** Reads an event of a known type; null if it is not one. */
    static @Nullable Message parse(Message type, Any event) {
        try {
            return type.getParserForType().parseFrom(event.getValue());
        } catch (InvalidProtocolBufferException e) {
            return null; // a client may call anything so; it only cannot be filtered by its fields
        }
    }
}

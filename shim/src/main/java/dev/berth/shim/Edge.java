package dev.berth.shim;

import com.google.protobuf.Any;
import com.google.protobuf.Empty;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import dev.berth.kernel.Fault;
import dev.berth.ttrpc.Call;
import dev.berth.ttrpc.Service;

/** What the classes that answer calls have in common: bytes to messages and back, the namespace of a call. */
final class Edge {
    /** The metadata key under which containerd names the namespace. */
    private static final String NAMESPACE = "containerd-namespace-ttrpc";

    /** Answers one request. */
    interface Method<Q, R> {
        R answer(Call call, Q request) throws Exception;
    }

    /** Does what one request says. */
    interface Action<Q> {
        void run(Call call, Q request) throws Exception;
    }

    private Edge() {}

    static <Q extends Message, R extends Message> Service.Unary unary(Parser<Q> parser, Method<Q, R> method) {
        return (call, bytes) -> method.answer(call, parse(parser, call, bytes)).toByteArray();
    }

    static <Q extends Message> Service.Unary empty(Parser<Q> parser, Action<Q> action) {
        return (call, bytes) -> {
            action.run(call, parse(parser, call, bytes));
            return Empty.getDefaultInstance().toByteArray();
        };
    }

    static <Q extends Message> Q parse(Parser<Q> parser, Call call, byte[] bytes) {
        try {
            return parser.parseFrom(bytes);
        } catch (InvalidProtocolBufferException e) {
            throw Fault.invalid(call.method(), "the request cannot be read: " + e.getMessage(), "")
                    .causedBy(e);
        }
    }

    /** The task or pod that a call means. */
    static TaskKey key(Call call, String id) {
        String namespace = call.metadata(NAMESPACE)
                .orElseThrow(() ->
                        Fault.invalid(call.method(), "it names no namespace", "Send it as the metadata " + NAMESPACE));
        TaskKey key = new TaskKey(namespace, id);
        if (key.isInternal()) {
            throw Fault.invalid(call.method(), "the namespace " + namespace + " is the supervisor's own", "");
        }
        return key;
    }

    /** An Any as containerd makes it, without a host in the type's name. */
    static Any any(Message message) {
        return Any.newBuilder()
                .setTypeUrl(message.getDescriptorForType().getFullName())
                .setValue(message.toByteString())
                .build();
    }

    /** Reads the message that an Any holds if it is of that type, whatever host stands before the type's name. */
    static <Q extends Message> java.util.Optional<Q> unpack(Any any, Q type, Parser<Q> parser) {
        String name = any.getTypeUrl().substring(any.getTypeUrl().lastIndexOf('/') + 1);
        if (!name.equals(type.getDescriptorForType().getFullName())) {
            return java.util.Optional.empty();
        }
        try {
            return java.util.Optional.of(parser.parseFrom(any.getValue()));
        } catch (InvalidProtocolBufferException e) {
            throw Fault.invalid("read options", "they are not a " + name, "").causedBy(e);
        }
    }
}

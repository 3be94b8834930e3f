package dev.berth.ttrpc;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A named set of methods on bytes. A handler runs on a virtual thread of its own and may block; it fails with {@link
 * TtrpcStatus} or {@link dev.berth.kernel.Fault} (the client gets the code) or with anything else (the client gets
 * INTERNAL).
 */
public final class Service {
    /** One request, one response. */
    @FunctionalInterface
    public interface Unary {
        byte[] call(Call call, byte[] request) throws Exception;
    }

    /** One request, many responses. */
    @FunctionalInterface
    public interface ServerStreaming {
        void call(Call call, byte[] request, Out out) throws Exception;
    }

    /** Many requests, one response. */
    @FunctionalInterface
    public interface ClientStreaming {
        byte[] call(Call call, In in) throws Exception;
    }

    /** Many requests, many responses. */
    @FunctionalInterface
    public interface BidiStreaming {
        void call(Call call, In in, Out out) throws Exception;
    }

    /** What a client sends on a stream. */
    public interface In {
        /**
         * Waits for the next message; null when the client has sent its last.
         *
         * @throws TtrpcStatus UNAVAILABLE if the client is gone, DEADLINE_EXCEEDED if the call's time is over
         */
        byte @Nullable [] receive();
    }

    /** Where a handler sends messages to its client. */
    public interface Out {
        /**
         * Sends one message; waits for a slow client, with a limit.
         *
         * @throws TtrpcStatus UNAVAILABLE if the client is gone, RESOURCE_EXHAUSTED if the message is above 4 MiB
         */
        void send(byte[] message);
    }

    private final String name;
    private final Map<String, Method> methods;

    sealed interface Method {}

    record OneToOne(Unary handler) implements Method {}

    record OneToMany(ServerStreaming handler) implements Method {}

    record ManyToOne(ClientStreaming handler) implements Method {}

    record ManyToMany(BidiStreaming handler) implements Method {}

    private Service(String name, Map<String, Method> methods) {
        this.name = name;
        this.methods = Map.copyOf(methods);
    }

    /** Begins a service; {@code name} is its full name, as in {@code containerd.task.v3.Task}. */
    public static Builder named(String name) {
        return new Builder(name);
    }

    public String name() {
        return name;
    }

    @Nullable
    Method method(String method) {
        return methods.get(method);
    }

    /** Collects the methods of a service; a name can be given once. */
    public static final class Builder {
        private final String name;
        private final Map<String, Method> methods = new HashMap<>();

        private Builder(String name) {
            this.name = name;
        }

        public Builder unary(String method, Unary handler) {
            return add(method, new OneToOne(handler));
        }

        public Builder serverStreaming(String method, ServerStreaming handler) {
            return add(method, new OneToMany(handler));
        }

        public Builder clientStreaming(String method, ClientStreaming handler) {
            return add(method, new ManyToOne(handler));
        }

        public Builder bidiStreaming(String method, BidiStreaming handler) {
            return add(method, new ManyToMany(handler));
        }

        public Service build() {
            return new Service(name, methods);
        }

        private Builder add(String method, Method handler) {
            if (methods.putIfAbsent(method, handler) != null) {
                throw new IllegalArgumentException(name + "/" + method + " has two handlers");
            }
            return this;
        }
    }
}

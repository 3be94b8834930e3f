package dev.berth.services;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a client says about all of its calls: in which namespace it works, to which lease that belongs which it makes, and, where it
 * is Berth's own, that of an archive only the images are to have names. Asked from the call's own thread, or from one to which its
 * context was handed.
 */
final class Headers implements ServerInterceptor {
    private static final Metadata.Key<String> NAMESPACE =
            Metadata.Key.of("containerd-namespace", Metadata.ASCII_STRING_MARSHALLER);
    private static final Metadata.Key<String> LEASE =
            Metadata.Key.of("containerd-lease", Metadata.ASCII_STRING_MARSHALLER);
    /** containerd's clients know none, and count on a name for the archive's index. */
    private static final Metadata.Key<String> ARCHIVE =
            Metadata.Key.of("berth-archive", Metadata.ASCII_STRING_MARSHALLER);

    private static final Context.Key<String> NAMESPACE_OF_CALL = Context.key("namespace");
    private static final Context.Key<String> LEASE_OF_CALL = Context.key("lease");
    private static final Context.Key<String> ARCHIVE_OF_CALL = Context.key("archive");

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
        Context context = Context.current()
                .withValues(
                        NAMESPACE_OF_CALL,
                        first(headers, NAMESPACE),
                        LEASE_OF_CALL,
                        first(headers, LEASE),
                        ARCHIVE_OF_CALL,
                        first(headers, ARCHIVE));
        return Contexts.interceptCall(context, call, headers, next);
    }

    /**
     * The namespace of the call.
     *
     * @throws Fault FAILED_PRECONDITION if the caller named none; INVALID_ARGUMENT if it is not a name
     */
    static Namespace namespace() {
        return optionalNamespace().orElseThrow(Headers::missing);
    }

    /** What a call hears that must name a namespace and does not. */
    static Fault missing() {
        return Fault.precondition(
                "the call", "namespace is required", "Send the header containerd-namespace, as ctr --namespace does");
    }

    /** The namespace of the call, for what can do without. */
    static Optional<Namespace> optionalNamespace() {
        return Optional.of(text(NAMESPACE_OF_CALL.get()))
                .filter(name -> !name.isEmpty())
                .map(Namespace::new);
    }

    /** The lease that is to hold what the call makes. */
    static Optional<String> lease() {
        return Optional.of(text(LEASE_OF_CALL.get())).filter(id -> !id.isEmpty());
    }

    /** Whether an archive as a whole, which is no image, is to have no name. */
    static boolean namesImagesOnly() {
        return text(ARCHIVE_OF_CALL.get()).equals("images-only");
    }

    /** Go's clients put what they say last before what they said until then. */
    private static String first(Metadata headers, Metadata.Key<String> key) {
        Iterable<String> all = headers.getAll(key);
        return all == null ? "" : all.iterator().next();
    }

    private static String text(@Nullable String value) {
        return value == null ? "" : value;
    }
}

package dev.berth.verify;

import com.google.protobuf.Message;
import dev.berth.wire.cri.ImageServiceGrpc;
import dev.berth.wire.cri.RuntimeServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The calls of CRI as the compiled descriptors have them. */
final class CriCalls {
    private CriCalls() {}

    /** All of both services. */
    static List<MethodDescriptor<?, ?>> all() {
        return Stream.concat(
                        RuntimeServiceGrpc.getServiceDescriptor().getMethods().stream(),
                        ImageServiceGrpc.getServiceDescriptor().getMethods().stream())
                .<MethodDescriptor<?, ?>>map(method -> method)
                .toList();
    }

    static String name(MethodDescriptor<?, ?> method) {
        return String.valueOf(method.getBareMethodName());
    }

    /** The request of a call, with nothing in it. */
    static Message prototype(MethodDescriptor<?, ?> method) {
        return (Message)
                Objects.requireNonNull(((PrototypeMarshaller<?>) method.getRequestMarshaller()).getMessagePrototype());
    }

    /** Makes a call and reads all its answers. */
    @SuppressWarnings("unchecked") // the request was made from the method's own prototype
    static Status call(Channel channel, MethodDescriptor<?, ?> method, Message request, Duration limit) {
        CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
        try {
            ClientCalls.blockingServerStreamingCall(
                            channel, (MethodDescriptor<Message, Object>) method, options, request)
                    .forEachRemaining(_ -> {});
            return Status.OK;
        } catch (StatusRuntimeException e) {
            return e.getStatus();
        }
    }
}

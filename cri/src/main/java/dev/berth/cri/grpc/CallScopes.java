package dev.berth.cri.grpc;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.berth.cri.Container;
import dev.berth.cri.Cri;
import dev.berth.cri.LogScope;
import dev.berth.cri.Pod;
import dev.berth.wire.cri.CreateContainerRequest;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.PullImageRequest;
import dev.berth.wire.cri.RunPodSandboxRequest;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Each line that is logged while a call is carried out says which call it is, and which pod and container it is about. */
public final class CallScopes implements ServerInterceptor {
    private final Cri cri;

    public CallScopes(Cri cri) {
        this.cri = cri;
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
        String method = String.valueOf(call.getMethodDescriptor().getBareMethodName());
        return new SimpleForwardingServerCallListener<>(next.startCall(call, headers)) {
            private @Nullable Q request;

            @Override
            public void onMessage(Q message) {
                request = message;
                super.onMessage(message);
            }

            @Override
            public void onHalfClose() { // the request is complete: here the work is done
                try (LogScope _ = scope(method, request)) {
                    super.onHalfClose();
                }
            }
        };
    }

    private LogScope scope(String method, @Nullable Object request) {
        LogScope scope = LogScope.method(method);
        switch (request) {
            case RunPodSandboxRequest run -> scope.with("name", name(run.getConfig()));
            case CreateContainerRequest create ->
                pod(scope, create.getPodSandboxId())
                        .with(
                                "name",
                                name(create.getSandboxConfig()) + "/"
                                        + create.getConfig().getMetadata().getName());
            case PullImageRequest pull -> scope.with("image", pull.getImage().getImage());
            case Message other -> {
                pod(scope, text(other, "pod_sandbox_id"));
                container(scope, text(other, "container_id"));
            }
            case null, default -> {}
        }
        return scope;
    }

    private LogScope pod(LogScope scope, String id) {
        Optional<Pod> pod = id.isEmpty() ? Optional.empty() : cri.findPod(id);
        return pod.map(found -> LogScope.add(scope, found)).orElseGet(() -> scope.with("pod", id));
    }

    private void container(LogScope scope, String id) {
        Optional<Container> container = id.isEmpty() ? Optional.empty() : cri.findContainer(id);
        if (container.isPresent()) {
            LogScope.add(
                    scope, container.get(), cri.findPod(container.get().podId()).orElse(null));
        } else {
            scope.with("container", id);
        }
    }

    private static String name(PodSandboxConfig config) {
        return config.getMetadata().getNamespace() + "/" + config.getMetadata().getName();
    }

    private static String text(Message request, String field) {
        FieldDescriptor descriptor = request.getDescriptorForType().findFieldByName(field);
        return descriptor != null && !descriptor.isRepeated() && request.getField(descriptor) instanceof String text
                ? text
                : "";
    }
}

package dev.berth.daemon.metrics;

import dev.berth.kernel.Ticker;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.Unit;

/** How many calls there were, how they ended and how long they took; pulls also on their own, since they take minutes. */
final class RpcMeter implements ServerInterceptor {
    private static final double NANOS = 1e9;
    private static final String PULL = "PullImage";

    private final Histogram calls;
    private final Histogram pulls;
    private final Ticker ticker;

    RpcMeter(PrometheusRegistry registry, Ticker ticker) {
        this.ticker = ticker;
        this.calls = Histogram.builder()
                .name("berth_rpc_duration_seconds")
                .help("Time from the arrival of a call to its end, by method and gRPC code.")
                .unit(Unit.SECONDS)
                .labelNames("method", "code")
                .classicOnly()
                .classicUpperBounds(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
                .register(registry);
        this.pulls = Histogram.builder()
                .name("berth_image_pull_duration_seconds")
                .help(
                        "Time of a pull of an image, also of one that joined another or found everything there, by gRPC code.")
                .unit(Unit.SECONDS)
                .labelNames("code")
                .classicOnly()
                .classicUpperBounds(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
                .register(registry);
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
        long start = ticker.nanos();
        String method = String.valueOf(call.getMethodDescriptor().getBareMethodName());
        var measured = new SimpleForwardingServerCall<>(call) {
            @Override
            public void close(Status status, Metadata trailers) {
                double seconds = ticker.since(start).toNanos() / NANOS;
                String code = status.getCode().name();
                calls.labelValues(method, code).observe(seconds);
                if (method.equals(PULL)) {
                    pulls.labelValues(code).observe(seconds);
                }
                super.close(status, trailers);
            }
        };
        return next.startCall(measured, headers);
    }
}

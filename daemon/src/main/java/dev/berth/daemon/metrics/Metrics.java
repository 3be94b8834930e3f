package dev.berth.daemon.metrics;

import dev.berth.kernel.Ticker;
import io.grpc.ServerInterceptor;
import io.prometheus.metrics.model.registry.PrometheusRegistry;

/** All metrics of this process and the page that shows them. */
public final class Metrics implements AutoCloseable {
    private final RpcMeter rpcs;
    private final MetricsServer server;

    private Metrics(RpcMeter rpcs, MetricsServer server) {
        this.rpcs = rpcs;
        this.server = server;
    }

    /**
     * Begins to measure and to serve {@code /metrics}.
     *
     * @param address {@code host:port}, or the absolute path of a Unix socket
     * @throws dev.berth.kernel.Fault UNAVAILABLE if nobody can listen there
     */
    public static Metrics serve(String address, Gauges.Sources sources, Ticker ticker) {
        var registry = new PrometheusRegistry();
        var rpcs = new RpcMeter(registry, ticker);
        Gauges.register(registry, sources);
        return new Metrics(rpcs, MetricsServer.listen(address, () -> TextForm.of(registry.scrape())));
    }

    /** Measures calls. */
    public ServerInterceptor meter() {
        return rpcs;
    }

    @Override
    public void close() {
        server.close();
    }
}

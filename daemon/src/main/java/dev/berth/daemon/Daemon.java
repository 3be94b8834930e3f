package dev.berth.daemon;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Hangup;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The daemon from its first line to its last: what it opens, in order, and closes in reverse.
 *
 * <p>Pods outlive it. On SIGHUP it reads its config anew. On SIGTERM it finishes the calls that run, ends, and leaves them to the supervisor.
 */
final class Daemon {
    private static final Logger LOG = LoggerFactory.getLogger(Daemon.class);

    private Daemon() {}

    /**
     * Serves until the process is told to end.
     *
     * @param source reads the config anew
     */
    static int run(ConfigFile file, Supplier<ConfigFile> source) throws IOException, InterruptedException {
        Config config = file.config();
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        var end = new CountDownLatch(1);
        var ended = new CountDownLatch(1);
        try (Wiring parts = Wiring.open(config, ticker)) {
            Runtime.getRuntime().addShutdownHook(new Thread(() -> endGracefully(end, ended), "end"));
            LOG.info(
                    "berth {} serves CRI on {} after {} ms",
                    Version.NUMBER,
                    config.socket(),
                    ticker.since(start).toMillis());
            Hangup.on(new Reload(source, file, parts::follow)::run);
            Systemd.ready();
            end.await();
            Systemd.stopping();
            LOG.info("ending; pods go on");
        } finally {
            ended.countDown();
        }
        return 0;
    }

    /**
     * Runs as the JVM's shutdown hook: the JVM is gone when this returns, so it waits until all is closed. Not for the main
     * thread's end: that goes on to System.exit, which waits for the hooks.
     */
    private static void endGracefully(CountDownLatch end, CountDownLatch ended) {
        end.countDown();
        try {
            ended.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

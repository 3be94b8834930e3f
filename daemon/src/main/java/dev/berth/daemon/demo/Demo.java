package dev.berth.daemon.demo;

import dev.berth.daemon.cli.CriClient;
import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The newcomer's first command: a real pod, seen from all sides. */
public final class Demo {
    private static final Path FOLDER = Path.of("/var/lib/berth-demo");

    private static final Duration SIGNAL_LIMIT = Duration.ofSeconds(90);

    private Demo() {}

    /**
     * Runs it.
     *
     * @param keep leave the daemon serving, with the pod in it
     * @return the exit code
     */
    public static int run(boolean keep) throws IOException, InterruptedException {
        if (!System.getProperty("user.name").equals("root")) {
            throw Fault.precondition("run the demo", "it makes namespaces and mounts", "Run it as root");
        }
        var done = new CountDownLatch(1);
        Thread atSignal = atSignal(Thread.currentThread(), done);
        Runtime.getRuntime().addShutdownHook(atSignal);
        try {
            show(keep, Ticker.system(), System.out);
            return 0;
        } finally {
            done.countDown();
            try {
                Runtime.getRuntime().removeShutdownHook(atSignal);
            } catch (IllegalStateException e) {
                // It is running: a signal has ended the demo, and nobody sees what would be said of it.
                System.err.println("berth: interrupted; what the demo had made is gone");
            }
        }
    }

    /** Ctrl-C ends the demo as any failure does: what it made is taken away before the program is gone. */
    private static Thread atSignal(Thread demo, CountDownLatch done) {
        return new Thread(
                () -> {
                    demo.interrupt();
                    try {
                        done.await(SIGNAL_LIMIT.toSeconds(), TimeUnit.SECONDS);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                },
                "demo-signal");
    }

    private static void show(boolean keep, Ticker ticker, PrintStream out) throws IOException, InterruptedException {
        out.println("A registry on loopback, with an image made from this machine's busybox");
        ImageBuilder.Built image = Busybox.image().build();
        try (ServedRegistry registry = ServedRegistry.start()) {
            registry.add("demo/busybox", "latest", image);
            out.println("  http://" + registry.authority() + "/v2/  demo/busybox:latest, "
                    + image.blobs().values().stream()
                                    .mapToInt(blob -> blob.length)
                                    .sum()
                            / 1024 + " KiB");
            try (Stage stage = Stage.start(FOLDER, registry.authority(), ticker);
                    CriClient client = CriClient.open(stage.socket())) {
                out.println("A daemon of its own, pid " + stage.pid() + ", on unix://" + stage.socket());
                new Story(client, out, ticker, FOLDER)
                        .tell(registry.authority() + "/demo/busybox:latest", registry, keep);
                if (keep) {
                    stage.keep();
                    out.println("\nThe daemon is still serving. Try:\n  crictl --runtime-endpoint unix://"
                            + stage.socket()
                            + " pods\nand end it with:\n  kill " + stage.pid() + "; ./berth reset --yes --config "
                            + Stage.config(FOLDER));
                }
            }
        }
        if (!keep) {
            out.println("\nNothing is left: no process, no mount, no namespace, no bridge, no file.");
        }
    }
}

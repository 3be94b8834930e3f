package dev.berth.daemon.demo;

import dev.berth.daemon.cli.CriClient;
import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** The newcomer's first command: a real pod, seen from all sides. */
public final class Demo {
    private static final Path FOLDER = Path.of("/var/lib/berth-demo");

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
        Ticker ticker = Ticker.system();
        PrintStream out = System.out;
        makeFolder();
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
            delete(FOLDER);
            out.println("\nNothing is left: no process, no mount, no namespace, no bridge, no file.");
        }
        return 0;
    }

    private static void makeFolder() throws IOException {
        if (Files.exists(FOLDER)) {
            throw Fault.alreadyExists(
                    "run the demo",
                    FOLDER + " is there: another demo runs or was kept",
                    "End it with: ./berth reset --yes --config " + Stage.config(FOLDER) + " && rm -r " + FOLDER);
        }
        Files.createDirectory(
                FOLDER, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    }

    private static void delete(Path folder) throws IOException {
        List<Path> all;
        try (Stream<Path> files = Files.walk(folder)) {
            all = files.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : all) {
            Files.delete(path);
        }
    }
}

package dev.berth.daemon;

import dev.berth.daemon.cli.CriClient;
import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.ListImagesRequest;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.StatusRequest;
import dev.berth.wire.cri.VersionRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A short run of the daemon against itself, from which the JVM learns what a start needs (the AOT cache). */
final class Training {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private Training() {}

    static int run() throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("berth-training");
        try {
            Path file = Files.writeString(folder.resolve("berth.toml"), """
                    root = "%1$s/root"
                    state = "%1$s/state"
                    [network]
                    conf_dir = "%1$s/net.d"
                    """.formatted(folder));
            Config config = Config.read(file);
            try (Wiring _ = Wiring.open(config, Ticker.system());
                    CriClient client = CriClient.open(config.socket())) {
                client.runtime(LIMIT).version(VersionRequest.getDefaultInstance());
                client.runtime(LIMIT).status(StatusRequest.getDefaultInstance());
                client.runtime(LIMIT).listPodSandbox(ListPodSandboxRequest.getDefaultInstance());
                client.runtime(LIMIT).listContainers(ListContainersRequest.getDefaultInstance());
                client.images(LIMIT).listImages(ListImagesRequest.getDefaultInstance());
            }
            Reset.run(config, true, System.out);
        } finally {
            delete(folder);
        }
        return 0;
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

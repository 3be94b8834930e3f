package dev.berth.verify;

import dev.berth.images.sample.Busybox;
import io.avaje.jsonb.Json;
import io.avaje.jsonb.Jsonb;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * critest's own benchmark, as it is, on Berth with its built-in network and on containerd with its best settings, in turns. Prints
 * the medians of all its samples as JSON on standard output and as a table on standard error. The spec that times a container
 * from scratch writes no file; its figures are in the output that is kept if critest fails.
 */
final class CritestBenchmark {
    private static final List<String> FILES =
            List.of("pod", "container", "image_lifecycle", "image_listing"); // in the order of the table

    private record Side(String name, Path socket, String registry, Map<String, List<Double>> millis) {}

    /** What critest writes. */
    @Json
    record Results(List<String> operationsNames, List<Sample> datapoints) {}

    /** One sample. */
    @Json
    record Sample(List<Long> operationsDurationsNs) {}

    private CritestBenchmark() {}

    /** Arguments: rounds (2), samples of each kind in a round (50). */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 2;
        int samples = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 50;
        Path folder = Files.createTempDirectory(Path.of("/var/lib"), "btbench");
        Path cni = Benchmark.cniConfig(folder);
        try (Berth berth = Berth.start()) {
            Path certs = berth.folder().resolve("certs.d");
            var _ = CritestImages.serve(berth.registry(), certs);
            var pause = Busybox.image().cmd("sleep", "1000000").build();
            berth.registry().add("pause", "latest", pause);
            try (Containerd containerd =
                    Containerd.start(folder.resolve("containerd"), certs, berth.image("pause"), cni)) {
                String registry = berth.registry().authority();
                List<Side> sides = List.of(
                        new Side("berth", berth.state().resolve("berth.sock"), registry, new LinkedHashMap<>()),
                        new Side("containerd", containerd.socket(), registry, new LinkedHashMap<>()));
                for (int round = 0; round < rounds; round++) {
                    for (Side side : sides) {
                        run(side, Files.createDirectories(folder.resolve(side.name() + round)), samples);
                    }
                }
                report(sides, rounds * samples);
            }
        } finally {
            Berth.run(List.of("ip", "link", "delete", Benchmark.BRIDGE));
            Berth.run(List.of("rm", "-rf", folder.toString()));
        }
    }

    private static void run(Side side, Path folder, int samples) throws IOException, InterruptedException {
        Path parameters = Files.writeString(folder.resolve("parameters.yaml"), """
                containersNumber: %1$d
                containersNumberParallel: 1
                containerBenchmarkTimeoutSeconds: 600
                podsNumber: %1$d
                podsNumberParallel: 1
                podBenchmarkTimeoutSeconds: 600
                imagesNumber: %1$d
                imagesNumberParallel: 1
                imageBenchmarkTimeoutSeconds: 600
                podContainerStartBenchmarkTimeoutSeconds: 600
                imagePullingBenchmarkImage: %2$s/busybox:latest
                imageListingBenchmarkImages: ["%2$s/busybox:latest", "%2$s/pause:latest"]
                """.formatted(samples, side.registry()));
        Path output = folder.resolve("output");
        Process critest = new ProcessBuilder(
                        Peers.need("critest").toString(),
                        "-benchmark",
                        "-runtime-endpoint=unix://" + side.socket(),
                        "-image-endpoint=unix://" + side.socket(),
                        "-benchmarking-params-file=" + parameters,
                        "-benchmarking-output-dir=" + folder,
                        "-ginkgo.no-color")
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        if (critest.waitFor() != 0) {
            throw new IllegalStateException("critest failed on " + side.name() + ": " + Files.readString(output));
        }
        for (String file : FILES) {
            Results results = Jsonb.instance()
                    .type(Results.class)
                    .fromJson(Files.readString(folder.resolve(file + "_benchmark_data.json")));
            for (Sample sample : results.datapoints()) {
                for (int i = 0; i < results.operationsNames().size(); i++) {
                    side.millis()
                            .computeIfAbsent(results.operationsNames().get(i), _ -> new ArrayList<>())
                            .add(sample.operationsDurationsNs().get(i) / 1e6);
                }
            }
        }
    }

    private static void report(List<Side> sides, int samples) {
        Side berth = sides.getFirst();
        Side containerd = sides.getLast();
        System.err.printf(
                Locale.ROOT, "%-28s%12s%12s%10s%n", "median of " + samples + ", ms", "berth", "containerd", "ratio");
        for (String operation : berth.millis().keySet()) {
            double ours = median(berth, operation);
            double theirs = median(containerd, operation);
            System.err.printf(Locale.ROOT, "%-28s%12.2f%12.2f%10.2f%n", operation, ours, theirs, ours / theirs);
        }
        System.out.println(sides.stream()
                .map(side -> side.millis().keySet().stream()
                        .map(operation ->
                                String.format(Locale.ROOT, "\"%s\": %.3f", operation, median(side, operation)))
                        .collect(Collectors.joining(", ", "\"" + side.name() + "\": {", "}")))
                .collect(Collectors.joining(", ", "{\"samples\": " + samples + ", ", "}")));
    }

    private static double median(Side side, String operation) {
        List<Double> sorted = side.millis().getOrDefault(operation, List.of()).stream()
                .sorted()
                .toList();
        return sorted.isEmpty() ? Double.NaN : sorted.get(sorted.size() / 2);
    }
}

package dev.berth.verify;

import dev.berth.daemon.cli.CriClient;
import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.PullImageRequest;
import dev.berth.wire.cri.RemoveImageRequest;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

/**
 * The pull of an image of 12 layers and about 2 GB, made of this machine's /usr, from a registry on loopback: Berth, containerd
 * with up to four layers unpacked at a time (its pull is followed by one sync of the file system, and measured before and after it),
 * and containerd with its own option to sync, in turns. Each has an ext4 with a journal of its own, as nodes do: one without
 * passes over every number of a removed file when it makes the next, for minutes after a removal, and would measure that.
 * Prints JSON on standard output and a table on standard error.
 */
final class PullBenchmark {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final Duration BETWEEN = Duration.ofMillis(500);
    private static final Ticker TICKER = Ticker.system();
    private static final int LAYERS = 12;
    private static final long LAYER_BYTES = 2_000_000_000L / LAYERS;
    private static final int PORT = 41877;
    private static final long MEMORY_BYTES = 4L << 30; // more than one pull writes

    private PullBenchmark() {}

    /** Somebody who pulls. */
    private record Side(String name, CriClient client, long pid, Path root, boolean durable) {}

    /**
     * One pull: until the answer, until it is on disk too, the processor's time of the daemon, how much more memory it took, and how
     * long the removal of the image took.
     */
    private record Sample(double answered, double durable, double processor, double grownMib, double removed) {}

    /** Folders that are file systems of their own. */
    private static final class Volumes implements AutoCloseable {
        private final Path images;
        private final List<Path> mounted = new ArrayList<>();

        Volumes(Path images) {
            this.images = images;
        }

        void add(Path at) throws IOException {
            Files.createDirectories(at);
            Path image = images.resolve(mounted.size() + ".img");
            mounted.add(at);
            sh(
                    images,
                    "truncate -s 16G '%1$s'; mkfs.ext4 -q -F -m 0 '%1$s'; loop=$(losetup -f --show --direct-io=on '%1$s');"
                                    .formatted(image)
                            + " mount \"$loop\" '%s'; losetup -d \"$loop\""
                                    .formatted(at)); // the device goes with the mount
        }

        @Override
        public void close() {
            mounted.forEach(at -> Berth.run(List.of("umount", "-l", at.toString())));
        }
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 3;
        Path cache = Path.of(System.getProperty("user.home"), ".cache/berth/bench-pull");
        Path folder = Files.createTempDirectory(Path.of("/var/lib"), "btpull");
        Path images = images(cache);
        Process registry = registry(folder, images);
        String authority = "127.0.0.1:" + PORT;
        var volumes = new Volumes(folder);
        try (Berth berth = Berth.start("", "", own -> volumes.add(own.resolve("root")));
                volumes) {
            volumes.add(folder.resolve("ctrd"));
            volumes.add(folder.resolve("ctrd-sync"));
            push(cache, authority);
            berth.trust(authority);
            Path certs = berth.folder().resolve("certs.d");
            Path none = Files.createDirectories(folder.resolve("net.d"));
            String unpacks = "[plugins.'io.containerd.transfer.v1.local']%n  max_concurrent_unpacks = 4%n".formatted();
            try (Containerd quick = Containerd.start(folder.resolve("ctrd"), certs, "none/pause:1", none, "", unpacks);
                    Containerd sync = Containerd.start(
                            folder.resolve("ctrd-sync"),
                            certs,
                            "none/pause:1",
                            none,
                            "  image_pull_with_sync_fs = true\n",
                            unpacks)) {
                List<Side> sides = List.of(
                        new Side(
                                "berth",
                                CriClient.open(berth.state().resolve("berth.sock")),
                                berth.daemon().pid(),
                                berth.root(),
                                true),
                        new Side(
                                "containerd",
                                CriClient.open(quick.socket()),
                                quick.pid(),
                                folder.resolve("ctrd/root"),
                                false),
                        new Side(
                                "containerd-sync",
                                CriClient.open(sync.socket()),
                                sync.pid(),
                                folder.resolve("ctrd-sync/root"),
                                true));
                measure(sides, authority, rounds);
                Berth.read(berth.log())
                        .lines()
                        .filter(line -> line.contains("pulled " + authority))
                        .forEach(System.err::println);
                sides.forEach(side -> side.client().close());
            }
        } finally {
            registry.destroy();
            registry.waitFor();
            volumes.close(); // if the daemon did not start
            Berth.run(List.of("rm", "-rf", folder.toString()));
        }
    }

    private static void measure(List<Side> sides, String authority, int rounds) throws InterruptedException {
        Map<String, List<Sample>> samples = new LinkedHashMap<>();
        for (String packing : List.of("gzip", "zstd")) {
            for (int round = 0; round < rounds; round++) {
                for (Side side : sides) {
                    String image = authority + "/bench/" + packing + ":v1";
                    Sample sample = pull(side, image);
                    samples.computeIfAbsent(packing + " " + side.name(), _ -> new ArrayList<>())
                            .add(sample);
                    System.err.printf(
                            Locale.ROOT,
                            "%-6s %-16s %8.0f ms, on disk %8.0f ms, processor %6.0f ms, memory +%.0f MiB, removal %.0f ms%n",
                            packing,
                            side.name(),
                            sample.answered,
                            sample.durable,
                            sample.processor,
                            sample.grownMib,
                            sample.removed);
                }
            }
        }
        report(samples, rounds);
    }

    /** Nothing of the one before is still being written, and nothing of the image is there. */
    private static Sample pull(Side side, String image) throws InterruptedException {
        Berth.run(List.of("sync"));
        TICKER.sleep(BETWEEN);
        touchMemory();
        long before = residentKib(side.pid());
        var most = new AtomicLong(before);
        var done = new AtomicBoolean();
        Thread watch = Thread.ofPlatform().start(() -> {
            while (!done.get()) {
                most.accumulateAndGet(residentKib(side.pid()), Math::max);
                try {
                    TICKER.sleep(Duration.ofMillis(50));
                } catch (InterruptedException e) {
                    return;
                }
            }
        });
        var spec = ImageSpec.newBuilder().setImage(image).build();
        double busy = processorMillis(side.pid());
        long start = TICKER.nanos();
        side.client()
                .images(LIMIT)
                .pullImage(PullImageRequest.newBuilder().setImage(spec).build());
        double answered = TICKER.since(start).toNanos() / 1e6;
        if (!side.durable()) {
            Berth.run(List.of("sync", "-f", side.root().toString()));
        }
        double durable = TICKER.since(start).toNanos() / 1e6;
        double processor = processorMillis(side.pid()) - busy;
        done.set(true);
        watch.join();
        long end = TICKER.nanos();
        side.client()
                .images(LIMIT)
                .removeImage(RemoveImageRequest.newBuilder().setImage(spec).build());
        double removed = TICKER.since(end).toNanos() / 1e6;
        return new Sample(answered, durable, processor, (most.get() - before) / 1024.0, removed);
    }

    /**
     * In a virtual machine whose host takes free memory back, whoever pulls first would pay for getting it again: up to a second for
     * each GB, which the next one finds there.
     */
    private static void touchMemory() {
        try (Arena arena = Arena.ofConfined()) {
            var _ = arena.allocate(MEMORY_BYTES).fill((byte) 1);
        }
    }

    private static long residentKib(long pid) {
        return Berth.read(Path.of("/proc/" + pid + "/status"))
                .lines()
                .filter(line -> line.startsWith("VmRSS"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                .sum();
    }

    /** Of the process and its children that have ended. */
    private static double processorMillis(long pid) {
        String stat = Berth.read(Path.of("/proc/" + pid + "/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return IntStream.rangeClosed(11, 14)
                        .mapToLong(i -> Long.parseLong(fields[i]))
                        .sum()
                * 10.0; // a hundred in a second, on every machine
    }

    private static void report(Map<String, List<Sample>> samples, int rounds) {
        var json = new StringBuilder("{\"rounds\": " + rounds + ", \"medians\": {");
        System.err.printf(
                Locale.ROOT,
                "%-24s%14s%14s%14s%14s%14s%n",
                "median of " + rounds,
                "answered ms",
                "on disk ms",
                "processor ms",
                "memory +MiB",
                "removal ms");
        samples.forEach((what, each) -> {
            double answered = median(each.stream().map(Sample::answered).toList());
            double durable = median(each.stream().map(Sample::durable).toList());
            double processor = median(each.stream().map(Sample::processor).toList());
            double grown = median(each.stream().map(Sample::grownMib).toList());
            double removed = median(each.stream().map(Sample::removed).toList());
            System.err.printf(
                    Locale.ROOT,
                    "%-24s%14.0f%14.0f%14.0f%14.0f%14.0f%n",
                    what,
                    answered,
                    durable,
                    processor,
                    grown,
                    removed);
            json.append(json.charAt(json.length() - 1) == '{' ? "" : ", ")
                    .append(String.format(
                            Locale.ROOT,
                            "\"%s\": {\"answeredMs\": %.0f, \"durableMs\": %.0f, \"processorMs\": %.0f, \"grownMib\": %.1f, \"removalMs\": %.0f}",
                            what,
                            answered,
                            durable,
                            processor,
                            grown,
                            removed));
        });
        System.out.println(json.append("}}"));
    }

    private static double median(List<Double> all) {
        return all.stream().sorted().toList().get(all.size() / 2);
    }

    /** Makes the layers once, as a directory that skopeo copies from; answers where the registry may keep its own. */
    private static Path images(Path cache) throws IOException {
        Path registry = Files.createDirectories(cache.resolve("registry"));
        Path done = cache.resolve("done");
        if (Files.exists(done)) {
            return registry;
        }
        Berth.run(List.of("rm", "-rf", cache.toString()));
        Files.createDirectories(registry);
        sh(
                cache,
                ("for i in $(seq 0 %2$d); do : > list$i; done; find /usr -xdev \\( -type f -o -type l -o -type d \\) -printf '%%s %%p\\n' | LC_ALL=C sort -k2 |"
                                + " awk -v each=%1$d -v layers=%2$d '{ n += $1; i = int(n / each); if (i >= layers) exit;"
                                + " sub(/^[0-9]+ /, \"\"); print > (\"list\" i) }'")
                        .formatted(LAYER_BYTES, LAYERS));
        for (String packing : List.of("gzip", "zstd")) {
            sh(cache, "umoci init --layout " + packing);
            StringBuilder layers = new StringBuilder();
            StringBuilder diffIds = new StringBuilder();
            for (int i = 0; i < LAYERS; i++) {
                String tar = "tar -C / --no-recursion --format=pax --pax-option=delete=atime,delete=ctime -T list" + i
                        + " -cf - 2>/dev/null";
                String pack = packing.equals("gzip") ? "gzip -6" : "zstd -3 -q";
                sh(cache, tar + " | " + pack + " > blob");
                sh(
                        cache,
                        (packing.equals("gzip") ? "gzip" : "zstd") + " -dcq < blob | sha256sum | cut -d' ' -f1 > diff");
                String digest = text(cache, "sha256sum blob | cut -d' ' -f1");
                String comma = i == 0 ? "" : ",";
                layers.append(
                        "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+%s\",\"digest\":\"sha256:%s\",\"size\":%s}"
                                .formatted(comma, packing, digest, Files.size(cache.resolve("blob"))));
                diffIds.append("%s\"sha256:%s\"".formatted(comma, text(cache, "cat diff")));
                sh(cache, "mv blob " + packing + "/blobs/sha256/" + digest);
            }
            document(cache, packing, layers, diffIds);
        }
        Files.writeString(done, "");
        return registry;
    }

    private static void document(Path cache, String packing, CharSequence layers, CharSequence diffIds)
            throws IOException {
        String config = blob(
                cache,
                packing,
                "{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}"
                        .formatted(text(cache, "dpkg --print-architecture"), diffIds));
        String manifest = blob(
                cache,
                packing,
                "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"mediaType\":"
                        + "\"application/vnd.oci.image.config.v1+json\"," + config + "},\"layers\":[" + layers + "]}");
        Files.writeString(
                cache.resolve(packing).resolve("index.json"),
                "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
                        + manifest + ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}]}");
    }

    /** Puts a document into a layout; answers digest and size as JSON has them. */
    private static String blob(Path cache, String packing, String json) throws IOException {
        Path file = Files.writeString(cache.resolve("document"), json);
        String digest = text(cache, "sha256sum document | cut -d' ' -f1");
        Files.move(file, cache.resolve(packing).resolve("blobs/sha256").resolve(digest));
        return "\"digest\":\"sha256:%s\",\"size\":%d".formatted(digest, json.length());
    }

    private static void push(Path cache, String authority) {
        for (String packing : List.of("gzip", "zstd")) {
            sh(
                    cache,
                    "skopeo inspect --tls-verify=false docker://" + authority + "/bench/" + packing
                            + ":v1 >/dev/null 2>&1 ||"
                            + " skopeo copy -q --dest-tls-verify=false --preserve-digests oci:" + packing
                            + ":v1 docker://" + authority
                            + "/bench/" + packing + ":v1");
        }
    }

    private static Process registry(Path folder, Path images) throws IOException, InterruptedException {
        Path config = Files.writeString(folder.resolve("registry.yml"), """
                version: 0.1
                log: {level: error}
                storage: {filesystem: {rootdirectory: %s}}
                http: {addr: 127.0.0.1:%d}
                """.formatted(images, PORT));
        Process process = new ProcessBuilder("docker-registry", "serve", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("registry.log").toFile())
                .start();
        Berth.until("the registry answers", Berth.LIMIT, () -> {
            try {
                var call = (HttpURLConnection)
                        URI.create("http://127.0.0.1:" + PORT + "/v2/").toURL().openConnection();
                return call.getResponseCode() == 200;
            } catch (IOException notYet) {
                return false;
            }
        });
        return process;
    }

    private static void sh(Path in, String script) {
        var _ = text(in, script);
    }

    private static String text(Path in, String script) {
        return Berth.run(List.of("bash", "-c", "set -e; cd '" + in + "'; " + script))
                .text();
    }
}

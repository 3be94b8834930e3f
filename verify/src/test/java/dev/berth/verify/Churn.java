package dev.berth.verify;

import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Semaphore;
import java.util.stream.Collectors;

/**
 * What is left of pods that came and went: memory, and everything that a kernel gives out, after a warm-up and after many more
 * pods with a container each. Prints JSON on standard output and a table on standard error.
 */
final class Churn {
    private static final Duration QUIET =
            Duration.ofSeconds(75); // longer than a program takes to notice that it is idle
    private static final int AT_ONCE = 4;
    private static final Ticker TICKER = Ticker.system();

    private final Berth berth;
    private final GrpcPods pods;

    private Churn(Berth berth, GrpcPods pods) {
        this.berth = berth;
        this.pods = pods;
    }

    /** Arguments: pods of the warm-up (100), pods after it (1000), seconds of rest before each look (75). */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        int warm = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 100;
        int more = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1000;
        Duration rest = arguments.length > 2 ? Duration.ofSeconds(Integer.parseInt(arguments[2])) : QUIET;
        try (Berth berth = Berth.start();
                GrpcPods pods = new GrpcPods(berth)) {
            pods.pull(berth.image("busybox"));
            var churn = new Churn(berth, pods);
            churn.lives("warm", warm);
            Map<String, Long> before = churn.look(rest);
            churn.lives("more", more);
            Map<String, Long> after = churn.look(rest);
            report(warm, more, before, after);
        }
    }

    private void lives(String name, int count) throws InterruptedException {
        var turn = new Semaphore(AT_ONCE);
        List<Thread> lives = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String pod = name + i;
            turn.acquire();
            lives.add(Thread.ofVirtual().start(() -> {
                try {
                    life(pod);
                } finally {
                    turn.release();
                }
            }));
        }
        for (Thread life : lives) {
            life.join();
        }
    }

    private void life(String name) {
        String pod = pods.run(name);
        pods.start(pods.create(
                pod,
                pods.container(name, "sh", "-c", "trap 'exit 0' TERM; echo hello; while :; do sleep 1 & wait; done")
                        .build()));
        pods.stop(pod);
        pods.remove(pod);
    }

    /** Counts once all is quiet: KiB of memory, descriptors, and what there is of each kind on the machine. */
    private Map<String, Long> look(Duration rest) throws InterruptedException {
        TICKER.sleep(rest);
        Map<String, Long> counts = new TreeMap<>();
        long daemon = berth.daemon().pid();
        long supervisor = berth.supervisor().orElseThrow().pid();
        counts.put("KiB daemon", residentKib(daemon));
        counts.put("KiB supervisor", residentKib(supervisor));
        counts.put("descriptors daemon", entries(Path.of("/proc/" + daemon + "/fd")));
        counts.put("descriptors supervisor", entries(Path.of("/proc/" + supervisor + "/fd")));
        counts.put("mounts daemon", mounts(daemon));
        counts.put("mounts supervisor", mounts(supervisor));
        counts.put("network namespaces", entries(berth.state().resolve("netns")));
        for (Inventory.Kind kind : Inventory.Kind.values()) {
            counts.put("host " + kind.name().toLowerCase(Locale.ROOT), 0L);
        }
        Inventory.take()
                .forEach(fact -> counts.merge("host " + fact.kind().name().toLowerCase(Locale.ROOT), 1L, Long::sum));
        return counts;
    }

    private static long residentKib(long pid) {
        return Berth.read(Path.of("/proc/" + pid + "/smaps_rollup"))
                .lines()
                .filter(line -> line.startsWith("Rss:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                .sum();
    }

    private static long mounts(long pid) {
        return Berth.read(Path.of("/proc/" + pid + "/mountinfo")).lines().count();
    }

    private static long entries(Path directory) {
        try (var all = Files.list(directory)) {
            return all.count();
        } catch (IOException none) {
            return 0;
        }
    }

    private static void report(int warm, int more, Map<String, Long> before, Map<String, Long> after) {
        System.err.printf(Locale.ROOT, "%-24s%14s%14s%12s%n", "", "after " + warm, "and " + more + " more", "grown by");
        List<String> json = new ArrayList<>();
        before.forEach((what, count) -> {
            long now = after.getOrDefault(what, 0L);
            System.err.printf(Locale.ROOT, "%-24s%14d%14d%12d%n", what, count, now, now - count);
            json.add(String.format(Locale.ROOT, "\"%s\": [%d, %d]", what, count, now));
        });
        System.out.println(json.stream()
                .collect(Collectors.joining(
                        ", ", "{\"warm\": " + warm + ", \"more\": " + more + ", \"counts\": {", "}}")));
    }
}

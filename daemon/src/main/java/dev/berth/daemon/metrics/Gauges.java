package dev.berth.daemon.metrics;

import dev.berth.cri.ContainerState;
import dev.berth.cri.Cri;
import dev.berth.images.Image;
import dev.berth.images.Images;
import dev.berth.kernel.Namespace;
import dev.berth.tasks.Tasks;
import io.prometheus.metrics.core.metrics.CounterWithCallback;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Info;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.model.snapshots.Unit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Supplier;

/** What is asked of the rooms when somebody looks. */
public final class Gauges {
    /**
     * The rooms that are asked.
     *
     * @param version of this program
     * @param imageFilesystem a directory on the file system of the images
     */
    public record Sources(Cri cri, Images images, Tasks tasks, String version, Path imageFilesystem) {}

    private static final double NANOS = 1e9;
    private static final long KIB = 1024;

    private final PrometheusRegistry registry;

    private Gauges(PrometheusRegistry registry) {
        this.registry = registry;
    }

    static void register(PrometheusRegistry registry, Sources sources) {
        var gauges = new Gauges(registry);
        gauges.cri(sources.cri());
        gauges.images(sources.images(), sources.imageFilesystem());
        gauges.supervisor(sources.tasks());
        gauges.process(sources.version());
    }

    private void cri(Cri cri) {
        byLabel("berth_pods", "Pods by state: ready or notready.", "state", () -> {
            var states = new TreeMap<>(Map.of("ready", 0L, "notready", 0L));
            cri.pods()
                    .list("", Optional.empty(), Map.of())
                    .forEach(pod -> states.merge(pod.ready() ? "ready" : "notready", 1L, Long::sum));
            return states;
        });
        byLabel("berth_containers", "Containers by state: created, running, exited or unknown.", "state", () -> {
            var states = new TreeMap<String, Long>();
            for (ContainerState state : ContainerState.values()) {
                states.put(state.name().toLowerCase(Locale.ROOT), 0L);
            }
            cri.containers()
                    .list("", "", Optional.empty(), Map.of())
                    .forEach(container ->
                            states.merge(container.state().name().toLowerCase(Locale.ROOT), 1L, Long::sum));
            return states;
        });
        byLabel("berth_leftovers", "Clean-up that failed and is tried again, by kind.", "kind", () -> {
            var kinds = new TreeMap<String, Long>();
            cri.leftovers().forEach((kind, count) -> kinds.put(kind, (long) count));
            return kinds;
        });
    }

    private void images(Images images, Path filesystem) {
        value("berth_images", "Images on this node.", null, () -> {
            List<Image> all = images.list(Namespace.KUBERNETES);
            return all.size();
        });
        value(
                "berth_images_bytes",
                "Disk space of images: packed content and unpacked layers.",
                Unit.BYTES,
                () -> images.usage(filesystem).usedBytes());
        counter(
                "berth_image_pulled_bytes",
                "Bytes of layers that came from registries.",
                Unit.BYTES,
                images::fetchedBytes);
    }

    private void supervisor(Tasks tasks) {
        counter(
                "berth_supervisor_restarts",
                "Supervisors that were started in the place of one that ended while this daemon ran.",
                null,
                () -> tasks.vitals().supervisorRestarts());
        counter(
                "berth_events",
                "Events of the supervisor that were taken.",
                null,
                () -> tasks.vitals().events());
        value(
                "berth_events_lag_seconds",
                "Age of the newest event of the supervisor when it was taken.",
                Unit.SECONDS,
                () -> tasks.vitals().eventsLag().toNanos() / NANOS);
    }

    private void process(String version) {
        Info.builder()
                .name("berth_build_info")
                .help("The version of this program; always 1.")
                .labelNames("version", "java")
                .register(registry)
                .addLabelValues(version, Runtime.version().toString());
        Runtime runtime = Runtime.getRuntime();
        value(
                "berth_heap_used_bytes",
                "Java heap of the daemon that is in use.",
                Unit.BYTES,
                () -> runtime.totalMemory() - runtime.freeMemory());
        value("berth_heap_committed_bytes", "Java heap that the daemon has.", Unit.BYTES, runtime::totalMemory);
        value("berth_heap_max_bytes", "Java heap that the daemon may have.", Unit.BYTES, runtime::maxMemory);
        value(
                "berth_resident_memory_bytes",
                "Memory of the daemon, as the kernel counts it.",
                Unit.BYTES,
                () -> KIB * status("VmRSS"));
        value("berth_threads", "Threads of the daemon, as the kernel counts them.", null, () -> status("Threads"));
    }

    private void byLabel(String name, String help, String label, Supplier<Map<String, Long>> values) {
        GaugeWithCallback.builder()
                .name(name)
                .help(help)
                .labelNames(label)
                .callback(out -> values.get().forEach((key, value) -> out.call(value, key)))
                .register(registry);
    }

    private void value(String name, String help, @org.jspecify.annotations.Nullable Unit unit, Supplier<Number> value) {
        var gauge = GaugeWithCallback.builder()
                .name(name)
                .help(help)
                .callback(out -> out.call(value.get().doubleValue()));
        (unit == null ? gauge : gauge.unit(unit)).register(registry);
    }

    /** Its name gets {@code _total} at the end. */
    private void counter(
            String name, String help, @org.jspecify.annotations.Nullable Unit unit, Supplier<Number> value) {
        var counter = CounterWithCallback.builder()
                .name(name)
                .help(help)
                .callback(out -> out.call(value.get().doubleValue()));
        (unit == null ? counter : counter.unit(unit)).register(registry);
    }

    /** A number of /proc/self/status. */
    private static long status(String key) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith(key + ":")) {
                    return Long.parseLong(
                            line.substring(key.length() + 1).replace("kB", "").strip());
                }
            }
            return 0;
        } catch (IOException e) {
            return 0; // the page is worth more than this number
        }
    }
}

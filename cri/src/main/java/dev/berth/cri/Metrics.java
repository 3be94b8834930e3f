package dev.berth.cri;

import dev.berth.cri.stats.ContainerSamples;
import dev.berth.cri.stats.Sample;
import dev.berth.kernel.Fault;
import dev.berth.linux.BlockDevices;
import dev.berth.linux.FileSystemStat;
import dev.berth.linux.OpenFiles;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.linux.netlink.Link;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** All that can be measured of pods and containers, for those who gather metrics. */
public final class Metrics {
    private static final Logger LOG = LoggerFactory.getLogger(Metrics.class);
    private static final long SECOND = 1_000_000_000;

    /** The samples of one container. */
    public record OfContainer(Container container, List<Sample> samples) {}

    /** The samples of a pod itself, and of its containers that run. */
    public record OfPod(Pod pod, long atNanos, List<Sample> samples, List<OfContainer> containers) {}

    /** What is the same for all containers of one round. */
    private record Round(BlockDevices devices, String device, FileSystemStat filesystem, long askedNanos) {}

    private final CriContext context;
    private final Statistics statistics;
    private final Counters counters;
    private final Path layers;

    Metrics(CriContext context, Statistics statistics, Counters counters, Path layers) {
        this.context = context;
        this.statistics = statistics;
        this.counters = counters;
        this.layers = layers;
    }

    /** Of all pods that are ready. */
    public List<OfPod> pods() throws InterruptedException {
        List<Pod> ready = context.ledger().pods().stream().filter(Pod::ready).toList();
        Map<String, List<Link>> links = statistics.links(ready);
        Round round = round(statistics.expectLayers(ready.stream()
                .flatMap(pod -> context.ledger().containersOf(pod.id()).stream())
                .toList()));
        List<OfPod> pods = new ArrayList<>();
        for (Pod pod : ready) {
            List<OfContainer> containers = new ArrayList<>();
            for (Container container : context.ledger().containersOf(pod.id())) {
                read(container, round).ifPresent(containers::add);
            }
            List<Sample> own = new ContainerSamples(round.devices())
                    .network(links.getOrDefault(pod.id(), List.of()))
                    .samples();
            pods.add(new OfPod(pod, context.nowNanos(), own, containers));
        }
        return pods;
    }

    private Round round(long askedNanos) {
        try {
            return new Round(
                    new BlockDevices(), Files.getFileStore(layers).name(), FileSystemStat.of(layers), askedNanos);
        } catch (IOException e) {
            throw Fault.internal("read how full " + layers + " is", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** Empty for one that does not run, or no longer. */
    private Optional<OfContainer> read(Container container, Round round) {
        if (container.state() != ContainerState.RUNNING) {
            return Optional.empty();
        }
        try {
            var samples = new ContainerSamples(round.devices())
                    .counters(counters.all(container))
                    .limits(container.resources())
                    .times(container.life().startedAtNanos() / SECOND, context.nowNanos() / SECOND)
                    .disk(round.device(), round.filesystem());
            statistics
                    .layer(container, round.askedNanos())
                    .ifPresent(
                            layer -> samples.layer(round.device(), layer.usage().bytes()));
            Optional<Cgroup> own = counters.own(container);
            if (own.isPresent()) {
                Set<Integer> pids = own.get().pids();
                OptionalLong softLimit = OpenFiles.softLimit(container.life().pid());
                samples.processes(pids.size(), OpenFiles.of(pids), softLimit);
            }
            return Optional.of(new OfContainer(container, samples.samples()));
        } catch (Fault e) {
            if (e.code() != Fault.Code.NOT_FOUND) {
                LOG.warn("metrics of container {}", container.id(), e);
            }
        } catch (IOException e) {
            LOG.warn("processes of container {}", container.id(), e);
        }
        return Optional.empty();
    }
}

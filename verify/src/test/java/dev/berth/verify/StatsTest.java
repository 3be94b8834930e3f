package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.wire.cri.ContainerMetrics;
import dev.berth.wire.cri.ContainerStats;
import dev.berth.wire.cri.ContainerStatsFilter;
import dev.berth.wire.cri.ContainerStatsRequest;
import dev.berth.wire.cri.LinuxContainerConfig;
import dev.berth.wire.cri.LinuxContainerResources;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.ListContainerStatsRequest;
import dev.berth.wire.cri.ListMetricDescriptorsRequest;
import dev.berth.wire.cri.ListPodSandboxMetricsRequest;
import dev.berth.wire.cri.ListPodSandboxStatsRequest;
import dev.berth.wire.cri.Metric;
import dev.berth.wire.cri.MetricDescriptor;
import dev.berth.wire.cri.PodSandboxMetrics;
import dev.berth.wire.cri.PodSandboxStats;
import dev.berth.wire.cri.PodSandboxStatsFilter;
import dev.berth.wire.cri.PodSandboxStatsRequest;
import dev.berth.wire.cri.StreamContainerStatsRequest;
import dev.berth.wire.cri.StreamContainersRequest;
import dev.berth.wire.cri.StreamImagesRequest;
import dev.berth.wire.cri.StreamPodSandboxMetricsRequest;
import dev.berth.wire.cri.StreamPodSandboxStatsRequest;
import dev.berth.wire.cri.StreamPodSandboxesRequest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What pods and containers use, as the kubelet and metrics gatherers ask for it. */
class StatsTest extends BusyboxPods {
    private static final int MANY = 100;
    private static final int MIB = 1 << 20;
    private static final String BUSY = "dd if=/dev/zero of=/written bs=1M count=3; i=0;"
            + " while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; exec sleep 10000";

    /** The 56 that critest wants, by what stands after {@code container_}. */
    private static final Set<String> WANTED = Stream.of(
                    "cpu_user_seconds_total cpu_system_seconds_total cpu_usage_seconds_total cpu_cfs_periods_total",
                    "cpu_cfs_throttled_periods_total cpu_cfs_throttled_seconds_total memory_cache memory_rss",
                    "memory_kernel_usage memory_mapped_file memory_swap memory_failcnt memory_usage_bytes",
                    "memory_max_usage_bytes memory_working_set_bytes memory_failures_total oom_events_total",
                    "network_receive_bytes_total network_receive_packets_total network_receive_errors_total",
                    "network_receive_packets_dropped_total network_transmit_bytes_total network_transmit_packets_total",
                    "network_transmit_packets_dropped_total network_transmit_errors_total fs_inodes_free",
                    "fs_inodes_total fs_limit_bytes fs_usage_bytes fs_reads_bytes_total fs_reads_total",
                    "fs_writes_bytes_total fs_writes_total blkio_device_usage_total processes file_descriptors sockets",
                    "threads_max threads ulimits_soft last_seen start_time_seconds spec_cpu_period spec_cpu_shares",
                    "spec_cpu_quota spec_memory_limit_bytes spec_memory_reservation_limit_bytes",
                    "spec_memory_swap_limit_bytes hugetlb_usage_bytes hugetlb_max_usage_bytes",
                    "pressure_cpu_waiting_seconds_total pressure_cpu_stalled_seconds_total",
                    "pressure_memory_waiting_seconds_total pressure_memory_stalled_seconds_total",
                    "pressure_io_waiting_seconds_total pressure_io_stalled_seconds_total")
            .flatMap(line -> Stream.of(line.split(" ", -1)))
            .map(name -> "container_" + name)
            .collect(Collectors.toUnmodifiableSet());

    /** Those for which a container may have no sample: a kernel without it, or nothing read from a disk yet. */
    private static final String MAY_LACK = "container_(hugetlb|pressure|fs_(reads|writes)|blkio)_.*";

    private String busy(String name) throws InterruptedException {
        String pod = pods.run(name);
        pods.start(pods.create(pod, pods.container(name, "sh", "-c", BUSY).build()));
        awaitDone(name);
        return pod;
    }

    private void awaitDone(String name) throws InterruptedException {
        Berth.until(
                name + " has done its work",
                Berth.LIMIT,
                () -> Berth.read(berth.logs().resolve(name + ".log")).contains("F done"));
    }

    /** The first rate is that since the start; a later one may be zero again, since the work is done. */
    private void awaitRate(String pod) throws InterruptedException {
        Berth.until("there is a rate", Berth.LIMIT, () -> {
            PodSandboxStats stats = stats(pod);
            return stats.getLinux().getCpu().getUsageNanoCores().getValue() > 0
                    && onlyContainer(stats).getCpu().getUsageNanoCores().getValue() > 0;
        });
    }

    private ContainerStats onlyContainer(String pod) {
        return onlyContainer(stats(pod));
    }

    private static ContainerStats onlyContainer(PodSandboxStats stats) {
        List<ContainerStats> all = stats.getLinux().getContainersList();
        assertThat(all).hasSize(1);
        return all.getFirst();
    }

    private PodSandboxStats stats(String pod) {
        return pods.runtime()
                .podSandboxStats(
                        PodSandboxStatsRequest.newBuilder().setPodSandboxId(pod).build())
                .getStats();
    }

    @Test
    void aContainerHasAllItsFigures() throws InterruptedException {
        String pod = busy("figures");
        awaitRate(pod);
        ContainerStats stats = onlyContainer(pod);
        String id = stats.getAttributes().getId();
        assertThat(stats.getAttributes().getMetadata().getName()).isEqualTo("figures");
        assertThat(stats.getCpu().getUsageCoreNanoSeconds().getValue()).isPositive();
        assertThat(stats.getCpu().hasUsageNanoCores()).isTrue();
        assertThat(stats.getMemory().getUsageBytes().getValue()).isPositive();
        assertThat(stats.getMemory().getWorkingSetBytes().getValue())
                .isPositive()
                .isLessThanOrEqualTo(stats.getMemory().getUsageBytes().getValue());
        assertThat(stats.getMemory().getPageFaults().getValue()).isPositive();
        assertThat(stats.getWritableLayer().getUsedBytes().getValue()).isGreaterThanOrEqualTo(3 * MIB);
        assertThat(stats.getWritableLayer().getInodesUsed().getValue()).isPositive();
        assertThat(stats.getWritableLayer().getFsId().getMountpoint())
                .startsWith(berth.root().toString());
        ContainerStats asked = pods.runtime()
                .containerStats(
                        ContainerStatsRequest.newBuilder().setContainerId(id).build())
                .getStats();
        assertThat(asked.getAttributes()).isEqualTo(stats.getAttributes());
        assertThat(asked.getCpu().getUsageCoreNanoSeconds().getValue())
                .isGreaterThanOrEqualTo(stats.getCpu().getUsageCoreNanoSeconds().getValue());
        assertThat(pods.runtime()
                        .listContainerStats(ListContainerStatsRequest.getDefaultInstance())
                        .getStatsList())
                .extracting(each -> each.getAttributes().getId())
                .containsExactly(id);
    }

    @Test
    void thoseThatDoNotRunTakeRoomForTheirFiles() throws InterruptedException {
        String pod = pods.run("resting");
        String made = pods.create(pod, pods.container("made", "true").build());
        String ended = pods.create(
                pod,
                pods.container("ended", "dd", "if=/dev/zero", "of=/written", "bs=1M", "count=3")
                        .build());
        pods.start(ended);
        Berth.until(
                "it has ended and is counted",
                Berth.LIMIT,
                () -> resting(ended).getWritableLayer().getUsedBytes().getValue() >= 3 * MIB);
        assertThat(resting(made).getWritableLayer().getUsedBytes().getValue()).isLessThan(MIB);
        for (ContainerStats stats : List.of(resting(made), resting(ended))) {
            assertThat(stats.hasCpu()).isFalse();
            assertThat(stats.hasMemory()).isFalse();
            assertThat(stats.getAttributes().getMetadata().getName()).isIn("made", "ended");
        }
        assertThat(stats(pod).getLinux().getContainersList()).isEmpty();
    }

    private ContainerStats resting(String id) {
        return pods
                .runtime()
                .listContainerStats(ListContainerStatsRequest.newBuilder()
                        .setFilter(ContainerStatsFilter.newBuilder().setId(id))
                        .build())
                .getStatsList()
                .stream()
                .filter(stats -> !stats.hasCpu())
                .findFirst()
                .orElse(ContainerStats.getDefaultInstance());
    }

    @Test
    void aPodHasItsInterfaceAndWhatItsContainersUse() throws InterruptedException {
        String pod = busy("sum");
        PodSandboxStats stats = stats(pod);
        assertThat(stats.getLinux().getNetwork().getDefaultInterface().getName())
                .isEqualTo("eth0");
        assertThat(stats.getLinux().getProcess().getProcessCount().getValue()).isEqualTo(1);
        ContainerStats container = stats.getLinux().getContainers(0);
        assertThat(stats.getLinux().getCpu().getUsageCoreNanoSeconds())
                .as("a pod without a cgroup of its own")
                .isEqualTo(container.getCpu().getUsageCoreNanoSeconds());
    }

    @Test
    void aPodWithACgroupOfItsOwnKeepsWhatEndedContainersUsed() throws IOException, InterruptedException {
        String parent = "/bt" + Ids.random().substring(0, 8);
        try {
            endedContainersCount(parent);
        } finally {
            pods.removeAll();
            boolean gone = Cgroups.detect(Ticker.system()).cgroup(parent).removeIfEmpty();
            assertThat(gone).as("nothing is left in " + parent).isTrue();
        }
    }

    private void endedContainersCount(String parent) throws InterruptedException {
        var config = pods.pod("own");
        LinuxPodSandboxConfig linux =
                config.getLinux().toBuilder().setCgroupParent(parent).build();
        String pod = pods.run(config.setLinux(linux).build(), "");
        pods.start(pods.create(pod, pods.container("own", "sh", "-c", BUSY).build()));
        awaitDone("own");
        awaitRate(pod);
        PodSandboxStats busy = stats(pod);
        String second =
                pods.create(pod, pods.container("second", "sleep", "10000").build());
        pods.start(second);
        var _ = pods.runtime()
                .removeContainer(dev.berth.wire.cri.RemoveContainerRequest.newBuilder()
                        .setContainerId(
                                busy.getLinux().getContainers(0).getAttributes().getId())
                        .build());
        PodSandboxStats after = stats(pod);
        assertThat(after.getLinux().getContainersList()).hasSize(1);
        assertThat(after.getLinux().getCpu().getUsageCoreNanoSeconds().getValue())
                .isGreaterThanOrEqualTo(
                        busy.getLinux().getCpu().getUsageCoreNanoSeconds().getValue());
    }

    @Test
    void everyMetricIsDescribedAndEverySampleFits() throws InterruptedException {
        String pod = pods.run("metrics");
        var limits = LinuxContainerResources.newBuilder()
                .setCpuQuota(50_000)
                .setCpuPeriod(100_000)
                .setCpuShares(512)
                .setMemoryLimitInBytes(64 * MIB);
        pods.start(pods.create(
                pod,
                pods.container("metrics", "sh", "-c", BUSY)
                        .setLinux(LinuxContainerConfig.newBuilder().setResources(limits))
                        .build()));
        awaitDone("metrics");
        Map<String, MetricDescriptor> descriptors = pods
                .runtime()
                .listMetricDescriptors(ListMetricDescriptorsRequest.getDefaultInstance())
                .getDescriptorsList()
                .stream()
                .collect(Collectors.toMap(MetricDescriptor::getName, Function.identity()));
        assertThat(WANTED).hasSize(56);
        assertThat(descriptors.keySet()).containsAll(WANTED);
        assertThat(descriptors.values())
                .allSatisfy(each -> assertThat(each.getHelp()).isNotEmpty());

        List<PodSandboxMetrics> all = pods.runtime()
                .listPodSandboxMetrics(ListPodSandboxMetricsRequest.getDefaultInstance())
                .getPodMetricsList();
        assertThat(all).hasSize(1);
        ContainerMetrics container = all.getFirst().getContainerMetrics(0);
        List<Metric> samples = new ArrayList<>(all.getFirst().getMetricsList());
        samples.addAll(container.getMetricsList());
        for (Metric sample : samples) {
            MetricDescriptor descriptor =
                    descriptors.getOrDefault(sample.getName(), MetricDescriptor.getDefaultInstance());
            assertThat(sample.getLabelValuesList()).as(sample.getName()).hasSameSizeAs(descriptor.getLabelKeysList());
        }
        var told = new HashSet<>(samples.stream().map(Metric::getName).toList());
        assertThat(WANTED.stream().filter(name -> !name.matches(MAY_LACK))).allMatch(told::contains);

        assertThat(value(container, "container_spec_cpu_quota")).isEqualTo(50_000);
        assertThat(value(container, "container_spec_cpu_shares")).isEqualTo(512);
        assertThat(value(container, "container_spec_memory_limit_bytes")).isEqualTo(64 * MIB);
        assertThat(value(container, "container_processes")).isEqualTo(1);
        assertThat(value(container, "container_threads")).isEqualTo(1);
        assertThat(value(container, "container_file_descriptors")).isPositive();
        assertThat(value(container, "container_fs_usage_bytes")).isGreaterThanOrEqualTo(3 * MIB);
        assertThat(container.getMetrics(0).getLabelValuesList())
                .startsWith("metrics", "default", "metrics", container.getContainerId());
    }

    private static long value(ContainerMetrics metrics, String name) {
        return metrics.getMetricsList().stream()
                .filter(metric -> metric.getName().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + name))
                .getValue()
                .getValue();
    }

    @Test
    void manyPodsAreReadInOnePass() {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < MANY; i++) {
            String pod = pods.run("many" + i);
            pods.start(pods.create(
                    pod, pods.container("many" + i, "sleep", "10000").build()));
            ids.add(pod);
        }
        double best = Double.MAX_VALUE;
        for (int round = 0; round < 20; round++) {
            long start = Ticker.system().nanos();
            List<PodSandboxStats> stats = pods.runtime()
                    .listPodSandboxStats(ListPodSandboxStatsRequest.getDefaultInstance())
                    .getStatsList();
            best = Math.min(best, Ticker.system().since(start).toNanos() / 1e6);
            assertThat(stats).hasSize(MANY).allSatisfy(each -> {
                assertThat(each.getLinux().getContainersCount()).isEqualTo(1);
                assertThat(each.getLinux().getNetwork().getDefaultInterface().getName())
                        .isEqualTo("eth0");
            });
        }
        System.out.printf("ListPodSandboxStats of %d pods with a container each: %.1f ms at best%n", MANY, best);
        streamsTellTheSameAsLists(ids);
    }

    private void streamsTellTheSameAsLists(List<String> ids) {
        var runtime = pods.runtime();
        assertThat(ids(runtime.streamPodSandboxes(StreamPodSandboxesRequest.getDefaultInstance()), answer -> {
                    assertThat(answer.getPodSandboxesCount()).isPositive();
                    return answer.getPodSandboxesList().stream().map(pod -> pod.getId());
                }))
                .containsExactlyInAnyOrderElementsOf(ids);
        assertThat(ids(runtime.streamContainers(StreamContainersRequest.getDefaultInstance()), answer -> {
                    assertThat(answer.getContainersCount()).isPositive();
                    return answer.getContainersList().stream().map(container -> container.getPodSandboxId());
                }))
                .containsExactlyInAnyOrderElementsOf(ids);
        assertThat(ids(
                        runtime.streamContainerStats(StreamContainerStatsRequest.getDefaultInstance()),
                        answer -> answer.getContainerStatsList().stream()
                                .map(each -> each.getAttributes().getId())))
                .hasSize(MANY)
                .doesNotHaveDuplicates();
        assertThat(ids(
                        runtime.streamPodSandboxStats(StreamPodSandboxStatsRequest.getDefaultInstance()),
                        answer -> answer.getPodSandboxStatsList().stream()
                                .map(each -> each.getAttributes().getId())))
                .containsExactlyInAnyOrderElementsOf(ids);
        assertThat(ids(
                        runtime.streamPodSandboxStats(StreamPodSandboxStatsRequest.newBuilder()
                                .setFilter(PodSandboxStatsFilter.newBuilder().setId(ids.getFirst()))
                                .build()),
                        answer -> answer.getPodSandboxStatsList().stream()
                                .map(each -> each.getAttributes().getId())))
                .containsExactly(ids.getFirst());
        assertThat(ids(
                        runtime.streamPodSandboxMetrics(StreamPodSandboxMetricsRequest.getDefaultInstance()),
                        answer -> answer.getPodSandboxMetricsList().stream().map(PodSandboxMetrics::getPodSandboxId)))
                .containsExactlyInAnyOrderElementsOf(ids);
        assertThat(ids(
                        pods.images().streamImages(StreamImagesRequest.getDefaultInstance()),
                        answer -> answer.getImagesList().stream().map(image -> image.getId())))
                .isNotEmpty()
                .doesNotHaveDuplicates();
    }

    private static <T> List<String> ids(Iterator<T> answers, Function<T, Stream<String>> idsOf) {
        List<String> ids = new ArrayList<>();
        answers.forEachRemaining(answer -> ids.addAll(idsOf.apply(answer).toList()));
        return ids;
    }
}

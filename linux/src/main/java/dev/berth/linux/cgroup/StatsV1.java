package dev.berth.linux.cgroup;

import dev.berth.linux.cgroup.CgroupStats.BlockIo;
import dev.berth.linux.cgroup.CgroupStats.MemoryEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads the counters of version 1. */
final class StatsV1 {
    private static final MemoryEntry NOTHING = new MemoryEntry(0, 0, 0, 0);

    private static final CgroupStats.MemoryV1 NO_MEMORY = new CgroupStats.MemoryV1(
            Map.of(), NOTHING, null, NOTHING, NOTHING, new CgroupStats.OomControl(false, false, 0));

    private StatsV1() {}

    static CgroupStats.V1 read(CgroupV1 cgroup) throws IOException {
        return new CgroupStats.V1(
                cpu(cgroup.find("cpuacct"), cgroup.find("cpu")),
                memory(cgroup.find("memory")),
                StatsV2.pids(cgroup.find("pids")),
                blockIo(cgroup.find("blkio")),
                hugePages(cgroup.find("hugetlb")),
                StatsV2.rdma(cgroup.find("rdma")));
    }

    /** See {@link Cgroup#usage()}. */
    static CgroupStats.V1 usage(CgroupV1 cgroup) throws IOException {
        Path account = cgroup.find("cpuacct");
        Path memory = cgroup.find("memory");
        String cpu = account == null ? "" : ControlFile.read(account.resolve("cpuacct.usage"));
        String bytes = memory == null ? "" : ControlFile.read(memory.resolve("memory.usage_in_bytes"));
        if (cpu.isEmpty() && bytes.isEmpty()) {
            throw new NoSuchFileException(cgroup.path());
        }
        return new CgroupStats.V1(
                new CgroupStats.CpuV1(ControlFile.number(cpu, 0), 0, 0, List.of(), new CgroupStats.Throttling(0, 0, 0)),
                memory == null ? NO_MEMORY : usage(memory, ControlFile.number(bytes, 0)),
                new CgroupStats.Pids(tasks(cgroup.find("pids")), ControlFile.UNLIMITED),
                List.of(),
                List.of(),
                List.of());
    }

    private static CgroupStats.MemoryV1 usage(Path directory, long bytes) throws IOException {
        String withSwap = ControlFile.read(directory.resolve("memory.memsw.usage_in_bytes"));
        long limit = ControlFile.number(directory.resolve("memory.limit_in_bytes"), 0);
        return new CgroupStats.MemoryV1(
                ControlFile.table(directory.resolve("memory.stat")),
                new MemoryEntry(limit, bytes, 0, 0),
                withSwap.isEmpty()
                        ? null
                        : new MemoryEntry(
                                ControlFile.number(directory.resolve("memory.memsw.limit_in_bytes"), 0),
                                ControlFile.number(withSwap, 0),
                                0,
                                0),
                NOTHING,
                NOTHING,
                NO_MEMORY.oom());
    }

    private static long tasks(@Nullable Path directory) throws IOException {
        return directory == null ? 0 : ControlFile.number(directory.resolve("pids.current"), 0);
    }

    private static CgroupStats.CpuV1 cpu(@Nullable Path account, @Nullable Path cpu) throws IOException {
        Map<String, Long> throttled = cpu == null ? Map.of() : ControlFile.table(cpu.resolve("cpu.stat"));
        var throttling = new CgroupStats.Throttling(
                throttled.getOrDefault("nr_periods", 0L),
                throttled.getOrDefault("nr_throttled", 0L),
                throttled.getOrDefault("throttled_time", 0L));
        if (account == null) {
            return new CgroupStats.CpuV1(0, 0, 0, List.of(), throttling);
        }
        String perCpu = ControlFile.read(account.resolve("cpuacct.usage_percpu"));
        return new CgroupStats.CpuV1(
                ControlFile.number(account.resolve("cpuacct.usage"), 0),
                ControlFile.number(account.resolve("cpuacct.usage_sys"), 0),
                ControlFile.number(account.resolve("cpuacct.usage_user"), 0),
                perCpu.isEmpty()
                        ? List.of()
                        : Arrays.stream(perCpu.split("\\s+", -1))
                                .map(n -> ControlFile.number(n, 0))
                                .toList(),
                throttling);
    }

    private static CgroupStats.MemoryV1 memory(@Nullable Path directory) throws IOException {
        if (directory == null) {
            return NO_MEMORY;
        }
        Map<String, Long> oom = ControlFile.table(directory.resolve("memory.oom_control"));
        boolean swap = Files.exists(directory.resolve("memory.memsw.usage_in_bytes"));
        return new CgroupStats.MemoryV1(
                ControlFile.table(directory.resolve("memory.stat")),
                entry(directory, "memory"),
                swap ? entry(directory, "memory.memsw") : null,
                entry(directory, "memory.kmem"),
                entry(directory, "memory.kmem.tcp"),
                new CgroupStats.OomControl(
                        oom.getOrDefault("oom_kill_disable", 0L) != 0,
                        oom.getOrDefault("under_oom", 0L) != 0,
                        oom.getOrDefault("oom_kill", 0L)));
    }

    private static MemoryEntry entry(Path directory, String name) throws IOException {
        return new MemoryEntry(
                ControlFile.number(directory.resolve(name + ".limit_in_bytes"), 0),
                ControlFile.number(directory.resolve(name + ".usage_in_bytes"), 0),
                ControlFile.number(directory.resolve(name + ".max_usage_in_bytes"), 0),
                ControlFile.number(directory.resolve(name + ".failcnt"), 0));
    }

    private static List<BlockIo> blockIo(@Nullable Path directory) throws IOException {
        List<BlockIo> entries = new ArrayList<>();
        if (directory != null) {
            Path bytes = directory.resolve("blkio.throttle.io_service_bytes_recursive");
            Path count = directory.resolve("blkio.throttle.io_serviced_recursive");
            blockIo(bytes, BlockIo.Kind.SERVICE_BYTES, entries);
            blockIo(count, BlockIo.Kind.SERVICED, entries);
        }
        return List.copyOf(entries);
    }

    /** Lines of {@code major:minor operation value}, and a total that has no device and is left out. */
    private static void blockIo(Path file, BlockIo.Kind kind, List<BlockIo> into) throws IOException {
        for (String line : ControlFile.lines(file)) {
            String[] fields = line.split("[: ]", -1);
            if (fields.length == 4) {
                into.add(new BlockIo(
                        kind,
                        fields[2],
                        ControlFile.number(fields[0], 0),
                        ControlFile.number(fields[1], 0),
                        ControlFile.number(fields[3], 0)));
            }
        }
    }

    private static List<CgroupStats.HugePages> hugePages(@Nullable Path directory) throws IOException {
        List<CgroupStats.HugePages> all = new ArrayList<>();
        for (String size : StatsV2.pageSizes(directory, ".usage_in_bytes")) {
            Path base = java.util.Objects.requireNonNull(directory);
            all.add(new CgroupStats.HugePages(
                    size,
                    ControlFile.number(base.resolve("hugetlb." + size + ".usage_in_bytes"), 0),
                    ControlFile.number(base.resolve("hugetlb." + size + ".max_usage_in_bytes"), 0),
                    ControlFile.number(base.resolve("hugetlb." + size + ".failcnt"), 0)));
        }
        return List.copyOf(all);
    }
}

package dev.berth.linux.cgroup;

import dev.berth.linux.cgroup.CgroupStats.Pressure;
import dev.berth.linux.cgroup.CgroupStats.Stall;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Reads the counters of version 2, and the files that both versions have alike. */
final class StatsV2 {
    private StatsV2() {}

    static CgroupStats.V2 read(Path directory) throws IOException {
        return new CgroupStats.V2(
                new CgroupStats.CpuV2(
                        ControlFile.table(directory.resolve("cpu.stat")), pressure(directory.resolve("cpu.pressure"))),
                memory(directory),
                pids(directory),
                new CgroupStats.IoV2(io(directory.resolve("io.stat")), pressure(directory.resolve("io.pressure"))),
                hugePages(directory),
                rdma(directory));
    }

    /** See {@link Cgroup#usage()}. */
    static CgroupStats.V2 usage(Path directory) throws IOException {
        Map<String, Long> cpu = ControlFile.table(directory.resolve("cpu.stat"));
        if (cpu.isEmpty()) { // every cgroup has this file, whatever its controllers
            throw new NoSuchFileException(directory.toString());
        }
        String swap = ControlFile.read(directory.resolve("memory.swap.current"));
        return new CgroupStats.V2(
                new CgroupStats.CpuV2(cpu, pressure(directory.resolve("cpu.pressure"))),
                new CgroupStats.MemoryV2(
                        ControlFile.table(directory.resolve("memory.stat")),
                        ControlFile.number(directory.resolve("memory.current"), 0),
                        ControlFile.number(directory.resolve("memory.max"), ControlFile.UNLIMITED),
                        0,
                        swap.isEmpty() ? null : swap(directory, ControlFile.number(swap, 0), 0),
                        new CgroupStats.MemoryEvents(Map.of(), pressure(directory.resolve("memory.pressure")))),
                new CgroupStats.Pids(ControlFile.number(directory.resolve("pids.current"), 0), ControlFile.UNLIMITED),
                new CgroupStats.IoV2(List.of(), pressure(directory.resolve("io.pressure"))),
                List.of(),
                List.of());
    }

    private static CgroupStats.MemoryV2 memory(Path directory) throws IOException {
        boolean swap = Files.exists(directory.resolve("memory.swap.current"));
        var events = new CgroupStats.MemoryEvents(
                ControlFile.table(directory.resolve("memory.events")), pressure(directory.resolve("memory.pressure")));
        return new CgroupStats.MemoryV2(
                ControlFile.table(directory.resolve("memory.stat")),
                ControlFile.number(directory.resolve("memory.current"), 0),
                ControlFile.number(directory.resolve("memory.max"), ControlFile.UNLIMITED),
                ControlFile.number(directory.resolve("memory.peak"), 0),
                swap
                        ? swap(
                                directory,
                                ControlFile.number(directory.resolve("memory.swap.current"), 0),
                                ControlFile.number(directory.resolve("memory.swap.peak"), 0))
                        : null,
                events);
    }

    private static CgroupStats.MemoryEntry swap(Path directory, long used, long peak) throws IOException {
        long limit = ControlFile.number(directory.resolve("memory.swap.max"), ControlFile.UNLIMITED);
        return new CgroupStats.MemoryEntry(limit, used, peak, 0);
    }

    static CgroupStats.Pids pids(@Nullable Path directory) throws IOException {
        if (directory == null) {
            return new CgroupStats.Pids(0, ControlFile.UNLIMITED);
        }
        return new CgroupStats.Pids(
                ControlFile.number(directory.resolve("pids.current"), 0),
                ControlFile.number(directory.resolve("pids.max"), ControlFile.UNLIMITED));
    }

    /** Lines of {@code major:minor key=value …}. */
    private static List<CgroupStats.IoDevice> io(Path file) throws IOException {
        List<CgroupStats.IoDevice> devices = new ArrayList<>();
        for (String line : ControlFile.lines(file)) {
            String[] fields = line.split(" ", -1);
            String[] number = fields[0].split(":", -1);
            if (number.length == 2) {
                devices.add(new CgroupStats.IoDevice(
                        ControlFile.number(number[0], 0), ControlFile.number(number[1], 0), pairs(fields)));
            }
        }
        return List.copyOf(devices);
    }

    /** The fields after the first, each {@code key=value}. */
    private static Map<String, Long> pairs(String[] fields) {
        Map<String, Long> pairs = new LinkedHashMap<>();
        for (int i = 1; i < fields.length; i++) {
            int equals = fields[i].indexOf('=');
            if (equals > 0) {
                pairs.put(fields[i].substring(0, equals), ControlFile.number(fields[i].substring(equals + 1), 0));
            }
        }
        return pairs;
    }

    private static List<CgroupStats.HugePages> hugePages(Path directory) throws IOException {
        List<CgroupStats.HugePages> all = new ArrayList<>();
        for (String size : pageSizes(directory, ".current")) {
            Map<String, Long> events = ControlFile.table(directory.resolve("hugetlb." + size + ".events"));
            all.add(new CgroupStats.HugePages(
                    size,
                    ControlFile.number(directory.resolve("hugetlb." + size + ".current"), 0),
                    ControlFile.number(directory.resolve("hugetlb." + size + ".max"), ControlFile.UNLIMITED),
                    events.getOrDefault("max", 0L)));
        }
        return List.copyOf(all);
    }

    /** The sizes that the kernel offers, read from the names of its files. */
    static Iterable<String> pageSizes(@Nullable Path directory, String suffix) throws IOException {
        TreeSet<String> sizes = new TreeSet<>();
        if (directory != null && Files.isDirectory(directory)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "hugetlb.*" + suffix)) {
                for (Path file : files) {
                    String name = String.valueOf(file.getFileName());
                    String size = name.substring("hugetlb.".length(), name.length() - suffix.length());
                    if (size.indexOf('.') < 0) { // not the files of reservations
                        sizes.add(size);
                    }
                }
            }
        }
        return sizes;
    }

    /** Lines of {@code device hca_handle=N hca_object=N}, with {@code max} for no limit. */
    static List<CgroupStats.Rdma> rdma(@Nullable Path directory) throws IOException {
        if (directory == null) {
            return List.of();
        }
        Map<String, Map<String, Long>> limits = new HashMap<>();
        for (String line : ControlFile.lines(directory.resolve("rdma.max"))) {
            String[] fields = line.split(" ", -1);
            limits.put(fields[0], pairs(fields));
        }
        List<CgroupStats.Rdma> all = new ArrayList<>();
        for (String line : ControlFile.lines(directory.resolve("rdma.current"))) {
            String[] fields = line.split(" ", -1);
            Map<String, Long> now = pairs(fields);
            Map<String, Long> limit = limits.getOrDefault(fields[0], Map.of());
            all.add(new CgroupStats.Rdma(
                    fields[0],
                    now.getOrDefault("hca_handle", 0L),
                    now.getOrDefault("hca_object", 0L),
                    limit.getOrDefault("hca_handle", ControlFile.UNLIMITED),
                    limit.getOrDefault("hca_object", ControlFile.UNLIMITED)));
        }
        return List.copyOf(all);
    }

    /** Null if the kernel was built or started without pressure information. */
    private static @Nullable Pressure pressure(Path file) throws IOException {
        List<String> lines;
        try {
            lines = ControlFile.lines(file);
        } catch (IOException e) {
            return null; // the file is there, but reading it says EOPNOTSUPP when psi=0
        }
        Stall some = null;
        Stall full = null;
        for (String line : lines) {
            if (line.startsWith("some ")) {
                some = stall(line);
            } else if (line.startsWith("full ")) {
                full = stall(line);
            }
        }
        return some == null ? null : new Pressure(some, full);
    }

    private static Stall stall(String line) {
        Map<String, String> values = new HashMap<>();
        for (String field : line.split(" ", -1)) {
            int equals = field.indexOf('=');
            if (equals > 0) {
                values.put(field.substring(0, equals), field.substring(equals + 1));
            }
        }
        return new Stall(
                Double.parseDouble(values.getOrDefault("avg10", "0")),
                Double.parseDouble(values.getOrDefault("avg60", "0")),
                Double.parseDouble(values.getOrDefault("avg300", "0")),
                ControlFile.number(values.getOrDefault("total", "0"), 0));
    }
}

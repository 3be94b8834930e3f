package dev.berth.linux.cgroup;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Limits in the words of version 2. */
final class LimitsV2 {
    private final String path;
    private final Path directory;

    LimitsV2(String path, Path directory) {
        this.path = path;
        this.directory = directory;
    }

    void apply(CgroupLimits limits) throws IOException {
        cpu(limits.cpu());
        memory(limits.memory());
        if (limits.pids() != 0) {
            write("pids.max", limit(limits.pids()));
        }
        for (CgroupLimits.HugePages pages : limits.hugePages()) {
            writeIfThere("hugetlb." + pages.pageSize() + ".max", limit(pages.limit()));
            writeIfThere("hugetlb." + pages.pageSize() + ".rsvd.max", limit(pages.limit()));
        }
        for (var file : limits.unified().entrySet()) {
            write(file.getKey(), file.getValue());
        }
    }

    private void cpu(CgroupLimits.Cpu cpu) throws IOException {
        if (cpu.shares() > 0) {
            write("cpu.weight", Long.toString(CgroupLimits.Cpu.weight(cpu.shares())));
        }
        if (cpu.quotaMicros() != 0 || cpu.periodMicros() > 0) {
            String[] now = (ControlFile.read(directory.resolve("cpu.max")) + " ").split(" ", 2);
            String quota = cpu.quotaMicros() != 0 ? limit(cpu.quotaMicros()) : now[0].isEmpty() ? "max" : now[0];
            write("cpu.max", cpu.periodMicros() > 0 ? quota + " " + cpu.periodMicros() : quota);
        }
        if (!cpu.cpus().isEmpty()) {
            write("cpuset.cpus", cpu.cpus());
        }
        if (!cpu.mems().isEmpty()) {
            write("cpuset.mems", cpu.mems());
        }
    }

    private void memory(CgroupLimits.Memory memory) throws IOException {
        if (memory.swap() != 0) {
            writeIfThere("memory.swap.max", swap(memory));
        }
        if (memory.limit() != 0) {
            write("memory.max", limit(memory.limit()));
        }
        if (memory.reservation() != 0) {
            write("memory.low", limit(memory.reservation()));
        }
    }

    /** OCI counts memory and swap together, version 2 swap alone. */
    private String swap(CgroupLimits.Memory memory) throws IOException {
        if (memory.swap() < 0) {
            return "max";
        }
        if (memory.limit() < 0) {
            throw new IOException("cgroup " + path + ": a swap limit needs a memory limit");
        }
        long limit = memory.limit();
        if (limit == 0) { // an update of swap alone counts from the memory limit that stands
            limit = ControlFile.number(directory.resolve("memory.max"), ControlFile.UNLIMITED);
        }
        if (memory.swap() < limit) {
            throw new IOException("cgroup " + path + ": memory and swap together (" + memory.swap()
                    + ") are less than the memory limit (" + limit + ")");
        }
        return Long.toString(memory.swap() - limit);
    }

    private static String limit(long value) {
        return value < 0 ? "max" : Long.toString(value);
    }

    private void write(String file, String value) throws IOException {
        try {
            ControlFile.write(directory.resolve(file), value);
        } catch (FileNotFoundException e) {
            throw new IOException("cgroup " + path + ": no " + file + "; its controller is not handed down here", e);
        }
    }

    private void writeIfThere(String file, String value) throws IOException {
        if (Files.exists(directory.resolve(file))) {
            ControlFile.write(directory.resolve(file), value);
        }
    }
}

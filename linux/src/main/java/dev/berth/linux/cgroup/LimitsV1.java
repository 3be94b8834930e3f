package dev.berth.linux.cgroup;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Limits in the words of version 1. The order of writes matters: the kernel checks each against what is there. */
final class LimitsV1 {
    private final CgroupV1 cgroup;

    LimitsV1(CgroupV1 cgroup) {
        this.cgroup = cgroup;
    }

    void apply(CgroupLimits limits) throws IOException {
        if (!limits.unified().isEmpty()) {
            throw new IOException("cgroup " + cgroup.path() + ": this host runs cgroup version 1, which has no "
                    + limits.unified().keySet());
        }
        cpu(limits.cpu());
        cpuset(limits.cpu());
        memory(limits.memory());
        if (limits.pids() != 0) {
            ControlFile.write(cgroup.need("pids").resolve("pids.max"), limits.pids() < 0 ? "max" : "" + limits.pids());
        }
        for (CgroupLimits.HugePages pages : limits.hugePages()) {
            hugePages(pages);
        }
    }

    private void cpu(CgroupLimits.Cpu cpu) throws IOException {
        if (cpu.shares() == 0 && cpu.quotaMicros() == 0 && cpu.periodMicros() == 0) {
            return;
        }
        Path directory = cgroup.need("cpu");
        if (cpu.shares() > 0) {
            ControlFile.write(directory.resolve("cpu.shares"), cpu.shares());
        }
        Path period = directory.resolve("cpu.cfs_period_us");
        boolean periodSet = false;
        if (cpu.periodMicros() > 0) {
            try {
                ControlFile.write(period, cpu.periodMicros());
                periodSet = true;
            } catch (IOException e) {
                if (cpu.quotaMicros() == 0) {
                    throw e;
                }
                // with the quota of before the new period may ask for more than the parent has: quota first
            }
        }
        if (cpu.quotaMicros() != 0) {
            ControlFile.write(directory.resolve("cpu.cfs_quota_us"), Math.max(-1, cpu.quotaMicros()));
        }
        if (cpu.periodMicros() > 0 && !periodSet) {
            ControlFile.write(period, cpu.periodMicros());
        }
    }

    private void cpuset(CgroupLimits.Cpu cpu) throws IOException {
        if (!cpu.cpus().isEmpty()) {
            ControlFile.write(cgroup.need("cpuset").resolve("cpuset.cpus"), cpu.cpus());
        }
        if (!cpu.mems().isEmpty()) {
            ControlFile.write(cgroup.need("cpuset").resolve("cpuset.mems"), cpu.mems());
        }
    }

    private void memory(CgroupLimits.Memory memory) throws IOException {
        if (memory.equals(CgroupLimits.Memory.NONE)) {
            return;
        }
        Path directory = cgroup.need("memory");
        Path limit = directory.resolve("memory.limit_in_bytes");
        Path both = directory.resolve("memory.memsw.limit_in_bytes");
        boolean swapCounted = Files.exists(both);
        long swap = !swapCounted ? 0 : memory.swap();
        if (swapCounted && swap == 0 && memory.limit() != 0) {
            // memory may never be above memory and swap together: lift that with it, lower it never
            long now = ControlFile.number(both, ControlFile.UNLIMITED);
            swap = memory.limit() < 0 || memory.limit() > now ? memory.limit() : 0;
        }
        boolean swapFirst = swap != 0 && above(swap, ControlFile.number(both, ControlFile.UNLIMITED));
        if (swapFirst) {
            ControlFile.write(both, Math.max(-1, swap));
        }
        if (memory.limit() != 0) {
            ControlFile.write(limit, Math.max(-1, memory.limit()));
        }
        if (swap != 0 && !swapFirst) {
            ControlFile.write(both, Math.max(-1, swap));
        }
        if (memory.reservation() != 0) {
            ControlFile.write(directory.resolve("memory.soft_limit_in_bytes"), Math.max(-1, memory.reservation()));
        }
    }

    private static boolean above(long wanted, long now) {
        return wanted < 0 || wanted > now;
    }

    private void hugePages(CgroupLimits.HugePages pages) throws IOException {
        Path directory = cgroup.find("hugetlb");
        if (directory == null) {
            return;
        }
        long limit = Math.max(-1, pages.limit());
        ControlFile.write(directory.resolve("hugetlb." + pages.pageSize() + ".limit_in_bytes"), limit);
        Path reserved = directory.resolve("hugetlb." + pages.pageSize() + ".rsvd.limit_in_bytes");
        if (Files.exists(reserved)) {
            ControlFile.write(reserved, limit);
        }
    }
}

package dev.berth.linux.cgroup;

import java.util.List;
import java.util.Map;

/**
 * What a cgroup may use. In every number 0 means "leave it as it is" and -1 "no limit".
 *
 * @param pids most tasks
 * @param hugePages limits by page size
 * @param unified files of version 2 written as they stand, after all others
 */
public record CgroupLimits(Cpu cpu, Memory memory, long pids, List<HugePages> hugePages, Map<String, String> unified) {
    /** Changes nothing. */
    public static final CgroupLimits NONE = new CgroupLimits(Cpu.NONE, Memory.NONE, 0, List.of(), Map.of());

    public CgroupLimits {
        hugePages = List.copyOf(hugePages);
        unified = Map.copyOf(unified);
        for (String file : unified.keySet()) {
            if (file.indexOf('/') >= 0 || file.indexOf('.') <= 0 || file.indexOf('\0') >= 0) {
                throw new IllegalArgumentException("not a file of a cgroup: " + file);
            }
        }
    }

    /**
     * Processor time.
     *
     * @param shares relative weight, 2 to 262144 (converted to 1 to 10000 on version 2)
     * @param quotaMicros time per period
     * @param periodMicros length of a period
     * @param cpus which processors, as {@code 0-2,4}; empty: leave
     * @param mems which memory nodes; empty: leave
     */
    public record Cpu(long shares, long quotaMicros, long periodMicros, String cpus, String mems) {
        public static final Cpu NONE = new Cpu(0, 0, 0, "", "");

        /** The weight of version 2: 2 shares are 1, 1024 are 100, 262144 are 10000, quadratic in between on a log scale. */
        public static long weight(long shares) {
            if (shares <= 2) {
                return 1;
            }
            if (shares >= 262_144) {
                return 10_000;
            }
            double log = Math.log((double) shares) / Math.log(2);
            double exponent = (log * log + 125 * log) / 612 - 7.0 / 34;
            return (long) Math.ceil(Math.pow(10, exponent) - 1e-9);
        }
    }

    /**
     * Memory, in bytes.
     *
     * @param swap memory and swap together, as OCI counts it; ignored where the kernel does not account swap
     * @param reservation what reclaim spares
     */
    public record Memory(long limit, long swap, long reservation) {
        public static final Memory NONE = new Memory(0, 0, 0);
    }

    /**
     * A limit for one size of huge pages; here 0 is a limit like any other.
     *
     * @param pageSize as the kernel writes it: {@code 64KB}, {@code 2MB}, {@code 1GB}
     */
    public record HugePages(String pageSize, long limit) {
        public HugePages {
            if (!pageSize.matches("[1-9][0-9]{0,9}(KB|MB|GB)")) {
                throw new IllegalArgumentException("not a size of huge pages: " + pageSize);
            }
        }
    }
}

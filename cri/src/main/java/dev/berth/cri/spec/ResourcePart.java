package dev.berth.cri.spec;

import dev.berth.cri.config.Resources;
import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxResources;
import dev.berth.oci.LinuxResources.DeviceRule;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Limits of a request in OCI's words. */
final class ResourcePart {
    private static final int LEAST_OOM_SCORE = -1000;
    private static final int MOST_OOM_SCORE = 1000;

    private ResourcePart() {}

    /**
     * The limits for a new container, or for an update if there are no device rules.
     *
     * @throws Fault INVALID_ARGUMENT if they contradict each other
     */
    static LinuxResources of(@Nullable Resources asked, List<DeviceRule> devices, boolean swapCounted) {
        if (asked == null) {
            return new LinuxResources(devices, null, null, null, null, List.of(), null, Map.of(), Map.of());
        }
        return new LinuxResources(
                devices,
                memory(asked, swapCounted),
                cpu(asked),
                null,
                null,
                asked.hugepageLimits().stream()
                        .map(h -> new LinuxResources.HugepageLimit(h.pageSize(), h.limit()))
                        .toList(),
                null,
                Map.of(),
                asked.unified());
    }

    /** Without a word about swap there is none: its limit, which includes memory, is memory's. */
    private static LinuxResources.@Nullable Memory memory(Resources asked, boolean swapCounted) {
        long limit = asked.memoryLimit();
        long swap = asked.memorySwapLimit();
        if (limit > 0 && swap > 0 && swap < limit) {
            throw Fault.invalid(
                    "memory limits",
                    "memory and swap together (" + swap + ") are limited below memory alone (" + limit + ")",
                    "");
        }
        if (!swapCounted) {
            swap = 0;
        } else if (swap == 0) {
            swap = limit;
        }
        return limit == 0 && swap == 0
                ? null
                : LinuxResources.Memory.of(limit == 0 ? null : (Long) limit, swap == 0 ? null : (Long) swap);
    }

    /** A quota of -1 is what a new cgroup has, and crun refuses to write it. */
    private static LinuxResources.@Nullable Cpu cpu(Resources asked) {
        if (asked.cpuShares() < 0 || asked.cpuPeriod() < 0) {
            throw Fault.invalid("processor limits", "shares and period cannot be negative", "");
        }
        Long shares = asked.cpuShares() == 0 ? null : (Long) asked.cpuShares();
        Long quota = asked.cpuQuota() <= 0 ? null : (Long) asked.cpuQuota();
        Long period = asked.cpuPeriod() == 0 ? null : (Long) asked.cpuPeriod();
        String cpus = asked.cpusetCpus().isEmpty() ? null : asked.cpusetCpus();
        String mems = asked.cpusetMems().isEmpty() ? null : asked.cpusetMems();
        if (shares == null && quota == null && period == null && cpus == null && mems == null) {
            return null;
        }
        return new LinuxResources.Cpu(shares, quota, null, period, null, null, cpus, mems, null);
    }

    /** As asked, but never below what we may give. */
    static int oomScore(@Nullable Resources asked, int lowest) {
        long wanted = asked == null ? 0 : asked.oomScoreAdj();
        if (wanted < LEAST_OOM_SCORE || wanted > MOST_OOM_SCORE) {
            throw Fault.invalid("oom_score_adj", wanted + " is not between -1000 and 1000", "");
        }
        return (int) Math.max(wanted, lowest);
    }
}

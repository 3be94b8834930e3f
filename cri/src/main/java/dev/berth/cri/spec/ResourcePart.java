package dev.berth.cri.spec;

import dev.berth.cri.config.Resources;
import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxResources;
import dev.berth.oci.LinuxResources.DeviceRule;
import dev.berth.oci.LinuxResources.HugepageLimit;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Limits of a request in OCI's words. */
final class ResourcePart {
    private static final int LONGEST_SET = 4096;
    private static final long FIRST_SHARES = 1024;
    private static final long FIRST_PERIOD = 100_000;
    private static final int LEAST_OOM_SCORE = -1000;
    private static final int MOST_OOM_SCORE = 1000;

    private static final LinuxResources.Cpu NO_CPU =
            new LinuxResources.Cpu(null, null, null, null, null, null, null, null, null);

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
                hugepages(asked),
                null,
                Map.of(),
                unified(asked.unified()));
    }

    /**
     * Limits of before with those that are asked for in their place, each on its own: what a request does not name is the
     * operator's.
     *
     * @throws Fault INVALID_ARGUMENT if what is asked for contradicts itself
     */
    static LinuxResources over(LinuxResources before, Resources asked, boolean swapCounted) {
        return over(before, of(asked, before.devices(), swapCounted), asked.cpuQuota() < 0);
    }

    /**
     * The same with what is asked for in OCI's words, which has none for a quota that is taken away.
     *
     * @param unlimited whether a quota of before is
     */
    static LinuxResources over(LinuxResources before, LinuxResources now, boolean unlimited) {
        Map<String, HugepageLimit> hugepages = new LinkedHashMap<>();
        before.hugepageLimits().forEach(limit -> hugepages.put(limit.pageSize(), limit));
        now.hugepageLimits().forEach(limit -> hugepages.put(limit.pageSize(), limit));
        Map<String, String> unified = new HashMap<>(before.unified());
        unified.putAll(now.unified());
        return new LinuxResources(
                before.devices(),
                over(before.memory(), now.memory()),
                over(before.cpu(), now.cpu(), unlimited),
                before.pids(),
                before.blockIO(),
                List.copyOf(hugepages.values()),
                before.network(),
                before.rdma(),
                unified);
    }

    /** The limit with swap goes with the limit without: an older one could be below it. */
    private static LinuxResources.@Nullable Memory over(
            LinuxResources.@Nullable Memory before, LinuxResources.@Nullable Memory now) {
        if (before == null || now == null) {
            return now == null ? before : now;
        }
        return new LinuxResources.Memory(
                or(now.limit(), before.limit()),
                before.reservation(),
                now.swap(),
                before.kernel(),
                before.kernelTCP(),
                before.swappiness(),
                before.disableOOMKiller(),
                before.useHierarchy(),
                before.checkBeforeUpdate());
    }

    private static LinuxResources.@Nullable Cpu over(
            LinuxResources.@Nullable Cpu before, LinuxResources.@Nullable Cpu now, boolean unlimited) {
        LinuxResources.Cpu old = before == null ? NO_CPU : before;
        LinuxResources.Cpu asked = now == null ? NO_CPU : now;
        var both = new LinuxResources.Cpu(
                or(asked.shares(), old.shares()),
                unlimited ? null : or(asked.quota(), old.quota()),
                old.burst(),
                or(asked.period(), old.period()),
                old.realtimeRuntime(),
                old.realtimePeriod(),
                or(asked.cpus(), old.cpus()),
                or(asked.mems(), old.mems()),
                old.idle());
        return both.equals(NO_CPU) ? null : both;
    }

    private static <T> @Nullable T or(@Nullable T asked, @Nullable T before) {
        return asked == null ? before : asked;
    }

    /** Each is a file of the container's own cgroup. */
    private static Map<String, String> unified(Map<String, String> files) {
        files.forEach((name, value) -> {
            if (!name.matches("[a-zA-Z0-9_.-]{1,128}") || name.contains("..") || value.indexOf('\0') >= 0) {
                throw Fault.invalid(
                        "unified resource \"" + Shown.of(name) + "\"",
                        "it is not a file of a cgroup",
                        "Name one as memory.high");
            }
        });
        return files;
    }

    /** Without a word about swap there is none: its limit, which includes memory, is memory's. */
    private static LinuxResources.@Nullable Memory memory(Resources asked, boolean swapCounted) {
        long limit = asked.memoryLimit();
        long swap = asked.memorySwapLimit();
        if (limit > 0 && swap > 0 && swap < limit) {
            throw Fault.invalid(
                    "memory limits",
                    "memory and swap together (" + swap + ") are limited below memory alone (" + limit + ")",
                    "Set the limit of both together at least as high as that of memory");
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
            throw Fault.invalid(
                    "processor limits", "shares and period cannot be negative", "Give positive numbers, or 0 for none");
        }
        Long shares = asked.cpuShares() == 0 ? null : (Long) asked.cpuShares();
        Long quota = asked.cpuQuota() <= 0 ? null : (Long) asked.cpuQuota();
        Long period = asked.cpuPeriod() == 0 ? null : (Long) asked.cpuPeriod();
        String cpus = set("cpuset_cpus", asked.cpusetCpus());
        String mems = set("cpuset_mems", asked.cpusetMems());
        if (shares == null && quota == null && period == null && cpus == null && mems == null) {
            return null;
        }
        return new LinuxResources.Cpu(shares, quota, null, period, null, null, cpus, mems, null);
    }

    /** What an update has changed is set to what it was, or to what the kernel begins with. */
    static LinuxResources undoing(@Nullable Resources before, Resources asked, boolean swapCounted) {
        Resources old = before == null ? Resources.NONE : before;
        Long shares = asked.cpuShares() == 0 ? null : (Long) (old.cpuShares() == 0 ? FIRST_SHARES : old.cpuShares());
        Long quota = asked.cpuQuota() == 0 ? null : (Long) (old.cpuQuota() <= 0 ? -1 : old.cpuQuota());
        Long period = asked.cpuPeriod() == 0 ? null : (Long) (old.cpuPeriod() == 0 ? FIRST_PERIOD : old.cpuPeriod());
        String cpus = asked.cpusetCpus().isEmpty() || old.cpusetCpus().isEmpty() ? null : old.cpusetCpus();
        String mems = asked.cpusetMems().isEmpty() || old.cpusetMems().isEmpty() ? null : old.cpusetMems();
        LinuxResources.Memory memory = null;
        if (asked.memoryLimit() != 0 || asked.memorySwapLimit() != 0) {
            Long swap = old.memorySwapLimit() == 0 ? limit(old) : (Long) old.memorySwapLimit();
            memory = LinuxResources.Memory.of(limit(old), swapCounted ? swap : null);
        }
        return new LinuxResources(
                List.of(),
                memory,
                new LinuxResources.Cpu(shares, quota, null, period, null, null, cpus, mems, null),
                null,
                null,
                hugepages(old),
                null,
                Map.of(),
                old.unified());
    }

    private static Long limit(Resources old) {
        return old.memoryLimit() == 0 ? -1L : old.memoryLimit();
    }

    private static List<LinuxResources.HugepageLimit> hugepages(Resources asked) {
        return asked.hugepageLimits().stream()
                .map(h -> new LinuxResources.HugepageLimit(pageSize(h.pageSize()), bytes(h.limit())))
                .toList();
    }

    /** As the kernel names them in its files. */
    private static String pageSize(String text) {
        if (!text.matches("[1-9][0-9]{0,5}[KMG]B")) {
            throw Fault.invalid(
                    "hugepage limit", "\"" + Shown.of(text) + "\" is not the size of a page", "Write it as 2MB or 1GB");
        }
        return text;
    }

    /** It is unsigned on the wire; more than can be is no limit. */
    private static long bytes(long limit) {
        return limit < 0 ? Long.MAX_VALUE : limit;
    }

    /** As the kernel writes sets, {@code 0-3,7}. */
    private static @Nullable String set(String what, String text) {
        if (text.length() > LONGEST_SET || !text.matches("[0-9,\\-: /]*")) {
            throw Fault.invalid(what, "\"" + Shown.of(text) + "\" is not a set of numbers", "Write it as 0-3,7");
        }
        return text.isEmpty() ? null : text;
    }

    /** As asked, but never below what we may give. */
    static int oomScore(@Nullable Resources asked, int lowest) {
        long wanted = asked == null ? 0 : asked.oomScoreAdj();
        if (wanted < LEAST_OOM_SCORE || wanted > MOST_OOM_SCORE) {
            throw Fault.invalid(
                    "oom_score_adj", wanted + " is not between -1000 and 1000", "Give a number between them");
        }
        return (int) Math.max(wanted, lowest);
    }
}

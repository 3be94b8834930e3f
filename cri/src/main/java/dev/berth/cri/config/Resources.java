package dev.berth.cri.config;

import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Limits; zero and empty mean not given.
 *
 * @param cpuPeriod microseconds
 * @param cpuQuota microseconds for each period; -1 for no limit
 * @param memoryLimit bytes
 * @param memorySwapLimit bytes of memory and swap together
 * @param unified files of cgroup v2 and what to write there
 */
@Json
public record Resources(
        long cpuPeriod,
        long cpuQuota,
        long cpuShares,
        long memoryLimit,
        long oomScoreAdj,
        String cpusetCpus,
        String cpusetMems,
        List<HugepageLimit> hugepageLimits,
        Map<String, String> unified,
        long memorySwapLimit) {

    /** No limits. */
    public static final Resources NONE = new Resources(0, 0, 0, 0, 0, "", "", List.of(), Map.of(), 0);

    /** The newer limits over the older ones: what is not given stays. */
    public static Resources merge(@Nullable Resources older, Resources newer) {
        if (older == null) {
            return newer;
        }
        return new Resources(
                newer.cpuPeriod != 0 ? newer.cpuPeriod : older.cpuPeriod,
                newer.cpuQuota != 0 ? newer.cpuQuota : older.cpuQuota,
                newer.cpuShares != 0 ? newer.cpuShares : older.cpuShares,
                newer.memoryLimit != 0 ? newer.memoryLimit : older.memoryLimit,
                newer.oomScoreAdj != 0 ? newer.oomScoreAdj : older.oomScoreAdj,
                newer.cpusetCpus.isEmpty() ? older.cpusetCpus : newer.cpusetCpus,
                newer.cpusetMems.isEmpty() ? older.cpusetMems : newer.cpusetMems,
                newer.hugepageLimits.isEmpty() ? older.hugepageLimits : newer.hugepageLimits,
                newer.unified.isEmpty() ? older.unified : newer.unified,
                newer.memorySwapLimit != 0 ? newer.memorySwapLimit : older.memorySwapLimit);
    }

    /** A limit in bytes for one page size, such as {@code 2MB}. */
    @Json
    public record HugepageLimit(String pageSize, long limit) {}
}

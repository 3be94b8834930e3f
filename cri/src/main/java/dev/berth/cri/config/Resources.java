package dev.berth.cri.config;

import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;

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

    /** A limit in bytes for one page size, such as {@code 2MB}. */
    @Json
    public record HugepageLimit(String pageSize, long limit) {}
}

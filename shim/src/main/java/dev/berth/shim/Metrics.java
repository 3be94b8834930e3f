package dev.berth.shim;

import com.google.protobuf.Message;
import dev.berth.linux.cgroup.CgroupStats;

/** The counters of a cgroup as the messages that containerd's clients know, one for each cgroup version. */
final class Metrics {
    private Metrics() {}

    static Message message(CgroupStats stats) {
        return switch (stats) {
            case CgroupStats.V1 v1 -> MetricsV1.message(v1);
            case CgroupStats.V2 v2 -> MetricsV2.message(v2);
        };
    }
}

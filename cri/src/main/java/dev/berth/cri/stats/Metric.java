package dev.berth.cri.stats;

import java.util.List;

/**
 * The metrics of containers and pods, under the names and labels that cAdvisor gave them: dashboards and alerts are written
 * for those, and the kubelet passes them on as they come.
 *
 * <p>Values are whole numbers by the protocol, so seconds are whole seconds.
 */
public enum Metric {
    CPU_USER("container_cpu_user_seconds_total", true, "Processor time in user mode, in seconds"),
    CPU_SYSTEM("container_cpu_system_seconds_total", true, "Processor time in the kernel, in seconds"),
    CPU_USAGE("container_cpu_usage_seconds_total", true, "Processor time, in seconds of one core"),
    CPU_PERIODS("container_cpu_cfs_periods_total", true, "Periods of the quota that have passed"),
    CPU_THROTTLED_PERIODS("container_cpu_cfs_throttled_periods_total", true, "Periods in which the quota was used up"),
    CPU_THROTTLED("container_cpu_cfs_throttled_seconds_total", true, "Time held back by the quota, in seconds"),

    MEMORY_CACHE("container_memory_cache", false, "Page cache in bytes"),
    MEMORY_RSS("container_memory_rss", false, "Anonymous memory in bytes"),
    MEMORY_KERNEL("container_memory_kernel_usage", false, "Memory of the kernel itself in bytes"),
    MEMORY_MAPPED("container_memory_mapped_file", false, "Files mapped into memory, in bytes"),
    MEMORY_SWAP("container_memory_swap", false, "Swap in bytes"),
    MEMORY_FAILCNT("container_memory_failcnt", true, "How often the limit of memory was hit"),
    MEMORY_USAGE("container_memory_usage_bytes", false, "Memory with page cache, in bytes"),
    MEMORY_MAX_USAGE("container_memory_max_usage_bytes", false, "The most memory that was in use, in bytes"),
    MEMORY_WORKING_SET("container_memory_working_set_bytes", false, "Memory that cannot be had back at once, in bytes"),
    MEMORY_ACTIVE_FILE("container_memory_total_active_file_bytes", false, "Page cache in use lately, in bytes"),
    MEMORY_INACTIVE_FILE("container_memory_total_inactive_file_bytes", false, "Page cache to go first, in bytes"),
    MEMORY_FAULTS("container_memory_failures_total", true, "Page faults", "failure_type", "scope"),
    OOM_EVENTS("container_oom_events_total", true, "Processes killed for want of memory"),

    NETWORK_RECEIVED("container_network_receive_bytes_total", true, "Bytes received", "interface"),
    NETWORK_RECEIVED_PACKETS("container_network_receive_packets_total", true, "Packets received", "interface"),
    NETWORK_RECEIVED_DROPS(
            "container_network_receive_packets_dropped_total", true, "Packets dropped on arrival", "interface"),
    NETWORK_RECEIVED_ERRORS("container_network_receive_errors_total", true, "Packets received broken", "interface"),
    NETWORK_SENT("container_network_transmit_bytes_total", true, "Bytes sent", "interface"),
    NETWORK_SENT_PACKETS("container_network_transmit_packets_total", true, "Packets sent", "interface"),
    NETWORK_SENT_DROPS(
            "container_network_transmit_packets_dropped_total", true, "Packets dropped on the way out", "interface"),
    NETWORK_SENT_ERRORS("container_network_transmit_errors_total", true, "Packets that could not be sent", "interface"),

    FS_INODES_FREE("container_fs_inodes_free", false, "Files that the file system can still have", "device"),
    FS_INODES("container_fs_inodes_total", false, "Files that the file system can have", "device"),
    FS_LIMIT("container_fs_limit_bytes", false, "Size of the file system, in bytes", "device"),
    FS_USAGE("container_fs_usage_bytes", false, "What the container wrote to its own layer, in bytes", "device"),
    FS_READ_BYTES("container_fs_reads_bytes_total", true, "Bytes read from the device", "device"),
    FS_READS("container_fs_reads_total", true, "Reads of the device", "device"),
    FS_WRITTEN_BYTES("container_fs_writes_bytes_total", true, "Bytes written to the device", "device"),
    FS_WRITES("container_fs_writes_total", true, "Writes to the device", "device"),
    BLKIO("container_blkio_device_usage_total", true, "Bytes by device", "device", "major", "minor", "operation"),

    PROCESSES("container_processes", false, "Processes"),
    FILE_DESCRIPTORS("container_file_descriptors", false, "Open descriptors of all processes"),
    SOCKETS("container_sockets", false, "Open sockets of all processes"),
    THREADS_MAX("container_threads_max", false, "The most threads that there may be; 0 for no limit"),
    THREADS("container_threads", false, "Threads"),
    ULIMITS_SOFT("container_ulimits_soft", false, "Soft limits of the first process", "ulimit"),

    LAST_SEEN("container_last_seen", false, "When this was read, in seconds since 1970"),
    START_TIME("container_start_time_seconds", false, "When the container was started, in seconds since 1970"),

    SPEC_CPU_PERIOD("container_spec_cpu_period", false, "Period of the processor quota, in microseconds"),
    SPEC_CPU_QUOTA("container_spec_cpu_quota", false, "Quota for each period, in microseconds"),
    SPEC_CPU_SHARES("container_spec_cpu_shares", false, "Share of the processor, of 1024"),
    SPEC_MEMORY_LIMIT("container_spec_memory_limit_bytes", false, "Limit of memory in bytes; 0 for none"),
    SPEC_MEMORY_RESERVATION(
            "container_spec_memory_reservation_limit_bytes", false, "Memory kept for it, in bytes; 0 for none"),
    SPEC_MEMORY_SWAP("container_spec_memory_swap_limit_bytes", false, "Limit of memory and swap in bytes; 0 for none"),

    HUGETLB_USAGE("container_hugetlb_usage_bytes", false, "Huge pages in use, in bytes", "pagesize"),
    HUGETLB_MAX("container_hugetlb_max_usage_bytes", false, "The most huge pages in use, in bytes", "pagesize"),

    PRESSURE_CPU_WAITING(
            "container_pressure_cpu_waiting_seconds_total", true, "Time in which some task waited for a processor"),
    PRESSURE_CPU_STALLED(
            "container_pressure_cpu_stalled_seconds_total", true, "Time in which all tasks waited for a processor"),
    PRESSURE_MEMORY_WAITING(
            "container_pressure_memory_waiting_seconds_total", true, "Time in which some task waited for memory"),
    PRESSURE_MEMORY_STALLED(
            "container_pressure_memory_stalled_seconds_total", true, "Time in which all tasks waited for memory"),
    PRESSURE_IO_WAITING(
            "container_pressure_io_waiting_seconds_total", true, "Time in which some task waited for a disk"),
    PRESSURE_IO_STALLED(
            "container_pressure_io_stalled_seconds_total", true, "Time in which all tasks waited for a disk");

    private final String id;
    private final boolean counter;
    private final String help;

    @SuppressWarnings("ImmutableEnumChecker") // List.of makes it one that cannot change
    private final List<String> labels;

    Metric(String id, boolean counter, String help, String... labels) {
        this.id = id;
        this.counter = counter;
        this.help = help;
        this.labels = List.of(labels);
    }

    /** The name under which it is told. */
    public String id() {
        return id;
    }

    /** Whether it only ever grows; else it is a value of the moment. */
    public boolean counter() {
        return counter;
    }

    public String help() {
        return help;
    }

    /** Keys of its labels, after those that say which container it is. */
    public List<String> labels() {
        return labels;
    }
}

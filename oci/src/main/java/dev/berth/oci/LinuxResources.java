package dev.berth.oci;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a container may use. Null is "not said"; never write a quota of -1 (crun refuses it) nor a pids limit of 0 (runc
 * 1.5 then forbids forks).
 */
@Json
public record LinuxResources(
        List<DeviceRule> devices,
        @Nullable Memory memory,
        @Nullable Cpu cpu,
        @Nullable Pids pids,
        @Nullable BlockIo blockIO,
        List<HugepageLimit> hugepageLimits,
        @Nullable Network network,
        Map<String, Rdma> rdma,
        Map<String, String> unified) {

    /** No limits at all. */
    public static final LinuxResources NONE =
            new LinuxResources(List.of(), null, null, null, null, List.of(), null, Map.of(), Map.of());

    public LinuxResources {
        devices = Absent.list(devices);
        hugepageLimits = Absent.list(hugepageLimits);
        rdma = Absent.map(rdma);
        unified = Absent.map(unified);
    }

    public LinuxResources withPids(@Nullable Pids changed) {
        return new LinuxResources(devices, memory, cpu, changed, blockIO, hugepageLimits, network, rdma, unified);
    }

    public LinuxResources withDevices(List<DeviceRule> changed) {
        return new LinuxResources(changed, memory, cpu, pids, blockIO, hugepageLimits, network, rdma, unified);
    }

    public LinuxResources withoutHugepages() {
        return new LinuxResources(devices, memory, cpu, pids, blockIO, List.of(), network, rdma, unified);
    }

    /** The resources alone as JSON in UTF-8, as an update request carries them. */
    public byte[] toJson() {
        return SpecJson.JSONB.type(LinuxResources.class).toJsonBytes(this);
    }

    /**
     * Reads resources on their own.
     *
     * @throws Fault INVALID_ARGUMENT if they are not such, or larger than 1 MiB
     */
    public static LinuxResources fromJson(byte[] json) {
        return JsonText.read("OCI resources", SpecJson.JSONB.type(LinuxResources.class), json, 1 << 20);
    }

    /**
     * Which devices may be used; the last rule that fits counts.
     *
     * @param type {@code a}, {@code c} or {@code b}; null means all
     * @param major null for all
     * @param minor null for all
     * @param access letters of {@code rwm}
     */
    @Json
    public record DeviceRule(
            boolean allow,
            @Nullable String type,
            @Nullable Long major,
            @Nullable Long minor,
            @Nullable String access) {}

    /**
     * Bytes.
     *
     * @param swap memory and swap together
     */
    @Json
    public record Memory(
            @Nullable Long limit,
            @Nullable Long reservation,
            @Nullable Long swap,
            @Nullable Long kernel,
            @Nullable Long kernelTCP,
            @Nullable Long swappiness,
            @Nullable Boolean disableOOMKiller,
            @Nullable Boolean useHierarchy,
            @Nullable Boolean checkBeforeUpdate) {
        public static Memory of(@Nullable Long limit, @Nullable Long swap) {
            return new Memory(limit, null, swap, null, null, null, null, null, null);
        }
    }

    /** Processor time; microseconds. */
    @Json
    public record Cpu(
            @Nullable Long shares,
            @Nullable Long quota,
            @Nullable Long burst,
            @Nullable Long period,
            @Nullable Long realtimeRuntime,
            @Nullable Long realtimePeriod,
            @Nullable String cpus,
            @Nullable String mems,
            @Nullable Long idle) {}

    /** Number of tasks. */
    @Json
    public record Pids(long limit) {}

    /** Disk traffic. */
    @Json
    public record BlockIo(
            @Nullable Integer weight,
            @Nullable Integer leafWeight,
            List<WeightDevice> weightDevice,
            List<ThrottleDevice> throttleReadBpsDevice,
            List<ThrottleDevice> throttleWriteBpsDevice,
            List<ThrottleDevice> throttleReadIOPSDevice,
            List<ThrottleDevice> throttleWriteIOPSDevice) {
        public BlockIo {
            weightDevice = Absent.list(weightDevice);
            throttleReadBpsDevice = Absent.list(throttleReadBpsDevice);
            throttleWriteBpsDevice = Absent.list(throttleWriteBpsDevice);
            throttleReadIOPSDevice = Absent.list(throttleReadIOPSDevice);
            throttleWriteIOPSDevice = Absent.list(throttleWriteIOPSDevice);
        }
    }

    /** Weight of one disk. */
    @Json
    public record WeightDevice(
            long major,
            long minor,
            @Nullable Integer weight,
            @Nullable Integer leafWeight) {}

    /** Limit of one disk, in bytes or operations for each second. */
    @Json
    public record ThrottleDevice(long major, long minor, long rate) {}

    /** Huge pages of one size, such as {@code 2MB}; bytes. */
    @Json
    public record HugepageLimit(String pageSize, long limit) {}

    /** Class and priorities of network traffic (version 1). */
    @Json
    public record Network(
            @Json.Property("classID") @Nullable Long classId, List<InterfacePriority> priorities) {
        public Network {
            priorities = Absent.list(priorities);
        }
    }

    /** Priority on one interface. */
    @Json
    public record InterfacePriority(String name, long priority) {}

    /** Limits of one RDMA device. */
    @Json
    public record Rdma(@Nullable Long hcaHandles, @Nullable Long hcaObjects) {}
}

package dev.berth.oci;

import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The {@code linux} part of a {@link RuntimeSpec}: namespaces, devices, cgroup, confinement. */
@Json
public record LinuxSpec(
        List<IdMapping> uidMappings,
        List<IdMapping> gidMappings,
        Map<String, String> sysctl,
        @Nullable LinuxResources resources,
        @Nullable String cgroupsPath,
        List<Namespace> namespaces,
        List<Device> devices,
        Map<String, NetDevice> netDevices,
        @Nullable SeccompSpec seccomp,
        @Nullable String rootfsPropagation,
        List<String> maskedPaths,
        List<String> readonlyPaths,
        @Nullable String mountLabel,
        @Nullable IntelRdt intelRdt,
        @Nullable Personality personality,
        Map<String, TimeOffset> timeOffsets) {

    public LinuxSpec {
        uidMappings = Absent.list(uidMappings);
        gidMappings = Absent.list(gidMappings);
        sysctl = Absent.map(sysctl);
        namespaces = Absent.list(namespaces);
        devices = Absent.list(devices);
        netDevices = Absent.map(netDevices);
        maskedPaths = Absent.list(maskedPaths);
        readonlyPaths = Absent.list(readonlyPaths);
        timeOffsets = Absent.map(timeOffsets);
    }

    /** The namespace of a kind, if the container does not use the host's. */
    public Optional<Namespace> namespace(NamespaceKind kind) {
        return namespaces.stream().filter(n -> n.type() == kind).findFirst();
    }

    public LinuxSpec withNamespaces(List<Namespace> changed) {
        return new LinuxSpec(
                uidMappings,
                gidMappings,
                sysctl,
                resources,
                cgroupsPath,
                changed,
                devices,
                netDevices,
                seccomp,
                rootfsPropagation,
                maskedPaths,
                readonlyPaths,
                mountLabel,
                intelRdt,
                personality,
                timeOffsets);
    }

    public LinuxSpec withResources(@Nullable LinuxResources changed) {
        return new LinuxSpec(
                uidMappings,
                gidMappings,
                sysctl,
                changed,
                cgroupsPath,
                namespaces,
                devices,
                netDevices,
                seccomp,
                rootfsPropagation,
                maskedPaths,
                readonlyPaths,
                mountLabel,
                intelRdt,
                personality,
                timeOffsets);
    }

    public LinuxSpec withDevices(List<Device> changed, @Nullable IntelRdt changedRdt) {
        return new LinuxSpec(
                uidMappings,
                gidMappings,
                sysctl,
                resources,
                cgroupsPath,
                namespaces,
                changed,
                netDevices,
                seccomp,
                rootfsPropagation,
                maskedPaths,
                readonlyPaths,
                mountLabel,
                changedRdt,
                personality,
                timeOffsets);
    }

    public LinuxSpec withCgroupsPath(@Nullable String changed) {
        return new LinuxSpec(
                uidMappings,
                gidMappings,
                sysctl,
                resources,
                changed,
                namespaces,
                devices,
                netDevices,
                seccomp,
                rootfsPropagation,
                maskedPaths,
                readonlyPaths,
                mountLabel,
                intelRdt,
                personality,
                timeOffsets);
    }

    public LinuxSpec withSeccomp(@Nullable SeccompSpec changed) {
        return new LinuxSpec(
                uidMappings,
                gidMappings,
                sysctl,
                resources,
                cgroupsPath,
                namespaces,
                devices,
                netDevices,
                changed,
                rootfsPropagation,
                maskedPaths,
                readonlyPaths,
                mountLabel,
                intelRdt,
                personality,
                timeOffsets);
    }

    /** A range of ids of a user namespace. */
    @Json
    public record IdMapping(
            @Json.Property("containerID") long containerId,
            @Json.Property("hostID") long hostId,
            long size) {}

    /** The kinds of namespaces, by their names in the specification. */
    public enum NamespaceKind {
        PID("pid"),
        NETWORK("network"),
        MOUNT("mount"),
        IPC("ipc"),
        UTS("uts"),
        USER("user"),
        CGROUP("cgroup"),
        TIME("time");

        private final String text;

        NamespaceKind(String text) {
            this.text = text;
        }

        @Json.Value
        public String text() {
            return text;
        }
    }

    /** A namespace to join, or a new one if there is no path. */
    @Json
    public record Namespace(NamespaceKind type, @Nullable String path) {}

    /** A device node to make; {@code type} is one of {@code c b u p}. */
    @Json
    public record Device(
            String path,
            String type,
            long major,
            long minor,
            @Nullable Integer fileMode,
            @Nullable Long uid,
            @Nullable Long gid) {}

    /** A network device of the host to move in, and its name there. */
    @Json
    public record NetDevice(@Nullable String name) {}

    /** Cache and memory bandwidth classes. */
    @Json
    public record IntelRdt(
            @Json.Property("closID") @Nullable String closId,
            @Nullable String l3CacheSchema,
            @Nullable String memBwSchema,
            boolean enableCMT,
            boolean enableMBM) {}

    /** Execution domain. */
    @Json
    public record Personality(String domain, List<String> flags) {
        public Personality {
            flags = Absent.list(flags);
        }
    }

    /** Offset of a clock of a time namespace. */
    @Json
    public record TimeOffset(long secs, long nanosecs) {}
}

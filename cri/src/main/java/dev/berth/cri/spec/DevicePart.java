package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig.DeviceMapping;
import dev.berth.kernel.Fault;
import dev.berth.linux.DeviceNumber;
import dev.berth.oci.LinuxResources.DeviceRule;
import dev.berth.oci.LinuxSpec.Device;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Device nodes of a container and the rules about their use. */
record DevicePart(List<Device> nodes, List<DeviceRule> rules) {
    /** Below /dev these are no devices of the host but private to whoever mounts them. */
    private static final Set<String> PRIVATE = Set.of("pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev");

    private static final int MOST = 4096;

    /** Whose the nodes are that a request asks for; null as on the node. */
    record Owner(@Nullable Long uid, @Nullable Long gid) {
        static final Owner SAME = new Owner(null, null);
    }

    static DevicePart of(List<DeviceMapping> asked, boolean privileged, Owner owner) {
        try {
            return privileged ? everything() : chosen(asked, owner);
        } catch (IOException e) {
            throw Fault.precondition(
                            "devices of the container",
                            String.valueOf(e.getMessage()),
                            "Name devices that are on the node")
                    .causedBy(e);
        }
    }

    private static DevicePart everything() throws IOException {
        Map<String, Device> nodes = new LinkedHashMap<>();
        collect(Path.of("/dev"), Path.of("/dev"), Owner.SAME, nodes);
        nodes.remove("/dev/console"); // the runtime makes it, from the terminal
        return new DevicePart(List.copyOf(nodes.values()), List.of(new DeviceRule(true, "a", null, null, "rwm")));
    }

    private static DevicePart chosen(List<DeviceMapping> asked, Owner owner) throws IOException {
        List<DeviceRule> rules = new ArrayList<>(ordinary());
        Map<String, Device> nodes = new LinkedHashMap<>();
        for (DeviceMapping mapping : asked) {
            String access = mapping.permissions().isEmpty() ? "rwm" : mapping.permissions();
            if (!access.matches("[rwm]{1,3}")) {
                throw bad(mapping.hostPath(), "\"" + Shown.of(access) + "\" is not some of rwm");
            }
            Map<String, Device> found = new LinkedHashMap<>();
            Path host = path(mapping.hostPath());
            Path inside = mapping.containerPath().isEmpty() ? host : path(mapping.containerPath());
            if (!Files.exists(host)) {
                throw bad(mapping.hostPath(), "there is no such file on this node");
            }
            if (Files.isDirectory(host)) {
                collect(host, inside, owner, found);
            } else {
                Device device = device(host, inside, owner);
                if (device == null) {
                    throw bad(mapping.hostPath(), "it is not a device");
                }
                found.put(device.path(), device);
            }
            nodes.putAll(found);
            found.values().forEach(d -> rules.add(new DeviceRule(true, d.type(), d.major(), d.minor(), access)));
        }
        return new DevicePart(List.copyOf(nodes.values()), rules);
    }

    /** Nothing but making nodes and the devices that every program expects. */
    private static List<DeviceRule> ordinary() {
        return List.of(
                new DeviceRule(false, "a", null, null, "rwm"),
                new DeviceRule(true, "c", null, null, "m"),
                new DeviceRule(true, "b", null, null, "m"),
                new DeviceRule(true, "c", 1L, 3L, "rwm"), // null
                new DeviceRule(true, "c", 1L, 5L, "rwm"), // zero
                new DeviceRule(true, "c", 1L, 7L, "rwm"), // full
                new DeviceRule(true, "c", 1L, 8L, "rwm"), // random
                new DeviceRule(true, "c", 1L, 9L, "rwm"), // urandom
                new DeviceRule(true, "c", 5L, 0L, "rwm"), // tty
                new DeviceRule(true, "c", 5L, 1L, "rwm"), // console
                new DeviceRule(true, "c", 5L, 2L, "rwm"), // ptmx
                new DeviceRule(true, "c", 136L, null, "rwm")); // terminals
    }

    /** All devices below a directory; links are not followed, since one can lead anywhere. */
    private static void collect(Path host, Path inside, Owner owner, Map<String, Device> into) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(host)) {
            for (Path entry : entries) {
                String name = String.valueOf(entry.getFileName());
                Path target = inside.resolve(name);
                if (Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
                    if (!PRIVATE.contains(name)) {
                        collect(entry, target, owner, into);
                    }
                } else if (!Files.isSymbolicLink(entry)) {
                    Device device = device(entry, target, owner);
                    if (device != null) {
                        into.put(device.path(), device);
                    }
                }
                if (into.size() > MOST) {
                    throw bad(host.toString(), "there are more than " + MOST + " devices in it");
                }
            }
        }
    }

    /** Null if it is none, or has just gone. */
    private static @Nullable Device device(Path host, Path inside, Owner owner) throws IOException {
        DeviceNumber number = DeviceNumber.of(host);
        return number == null
                ? null
                : new Device(
                        inside.toString(),
                        number.type(),
                        number.major(),
                        number.minor(),
                        number.mode(),
                        owner.uid() == null ? (Long) number.uid() : owner.uid(),
                        owner.gid() == null ? (Long) number.gid() : owner.gid());
    }

    private static Path path(String text) {
        Path path = HostPaths.parse("device", text);
        if (!path.isAbsolute()) {
            throw bad(text, "it is not an absolute path");
        }
        return path.normalize();
    }

    private static Fault bad(String path, String why) {
        return Fault.invalid("device \"" + Shown.of(path) + "\"", why, "Correct the container's devices");
    }
}

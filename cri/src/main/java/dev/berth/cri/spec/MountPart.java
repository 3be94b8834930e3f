package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig.Propagation;
import dev.berth.cri.config.ContainerConfig.VolumeMount;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.kernel.Fault;
import dev.berth.oci.PodReference;
import dev.berth.oci.RuntimeSpec.Mount;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The mounts of a container.
 *
 * @param mounts those near the root first, so that none hides another
 * @param volumes the image's own volumes among them, whose directories are still to be made
 * @param rootfsPropagation how the whole tree passes mounts on; null for the runtime's default
 */
record MountPart(
        List<Mount> mounts,
        List<ImageVolume> volumes,
        @Nullable String rootfsPropagation) {
    /** Options of {@code mount_options} that can do no harm: they only take away, or are about access times. */
    private static final Set<String> HARMLESS = Set.of(
            "nodev",
            "noexec",
            "nosuid",
            "noatime",
            "nodiratime",
            "relatime",
            "norelatime",
            "strictatime",
            "nosymfollow");

    private static final int TTY = 5;
    private static final String SYS = "/sys";

    /** Files of /proc that programs such as lxcfs put their own in place of. */
    private static final Set<String> PROC_FILES = Set.of(
            "/proc/cpuinfo",
            "/proc/diskstats",
            "/proc/loadavg",
            "/proc/meminfo",
            "/proc/slabinfo",
            "/proc/stat",
            "/proc/swaps",
            "/proc/uptime");

    /** @param label under which the container may use files; null without SELinux */
    static MountPart of(SpecRequest request, boolean privileged, @Nullable String label) {
        List<VolumeMount> asked = request.config().mounts();
        Set<Path> taken = new java.util.HashSet<>();
        for (VolumeMount mount : asked) {
            taken.add(destination(mount));
        }
        if (label != null) {
            Relabelling.of(request.pod().files(), label);
        }
        List<Mount> mounts = new ArrayList<>();
        for (Mount mount : base(privileged, sys(request, privileged), terminals(request))) {
            addUnlessTaken(mount, taken, mounts);
        }
        for (Mount mount : ofPod(request)) {
            addUnlessTaken(mount, taken, mounts);
        }
        mounts.forEach(m -> taken.add(Path.of(m.destination())));
        List<ImageVolume> volumes = ImageVolume.of(request, taken);
        volumes.forEach(v -> mounts.add(v.mount(NamespacePart.options(request))));
        String propagation = null;
        for (VolumeMount mount : asked) {
            mounts.add(volume(mount, request, label));
            propagation = mount.image() == null ? stronger(propagation, mount.propagation()) : propagation;
        }
        mounts.sort(Comparator.comparingInt(m -> Path.of(m.destination()).getNameCount()));
        return new MountPart(List.copyOf(mounts), volumes, propagation);
    }

    /**
     * For version 2 and the node's cgroup namespace: the tree as the node has it mounted. A mount of it from there, as a runtime would
     * make it, sets options of the node's own anew, and takes nsdelegate and memory_recursiveprot away from it.
     */
    MountPart withCgroupsOfNode() {
        List<Mount> all = mounts.stream()
                .map(mount -> "cgroup".equals(mount.type())
                        ? new Mount(
                                mount.destination(),
                                "bind",
                                "/sys/fs/cgroup",
                                List.of("rbind", "rprivate", "nosuid", "noexec", "nodev", "rw"))
                        : mount)
                .toList();
        return new MountPart(all, volumes, rootfsPropagation);
    }

    /** A request's mount replaces ours, and one on /dev everything of ours below it. */
    private static void addUnlessTaken(Mount mount, Set<Path> taken, List<Mount> mounts) {
        Path destination = Path.of(mount.destination());
        Path dev = Path.of("/dev");
        if (!taken.contains(destination) && !(taken.contains(dev) && destination.startsWith(dev))) {
            mounts.add(mount);
        }
    }

    /** Terminals belong to the group tty, unless a user namespace is too small to have it. */
    private static List<String> terminals(SpecRequest request) {
        List<String> options =
                new ArrayList<>(List.of("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"));
        boolean has = UserIds.of(NamespacePart.options(request))
                .filter(ids -> ids.gids().getFirst().length() <= TTY)
                .isEmpty();
        if (has) {
            options.add("gid=" + TTY);
        }
        return options;
    }

    /**
     * A sysfs shows a network, and only who owns that may mount it. A user namespace with the node's network does not: it sees the
     * node's, with all that is mounted below, and changes nothing there.
     */
    private static Mount sys(SpecRequest request, boolean privileged) {
        boolean ofNode = request.pod().networkNamespace() == null
                && UserIds.of(NamespacePart.options(request)).isPresent();
        return ofNode
                ? new Mount(SYS, "bind", SYS, List.of("rbind", "rprivate", "nosuid", "noexec", "nodev", "ro", "rro"))
                : new Mount(SYS, "sysfs", "sysfs", List.of("nosuid", "noexec", "nodev", access(privileged)));
    }

    private static String access(boolean privileged) {
        return privileged ? "rw" : "ro";
    }

    private static List<Mount> base(boolean privileged, Mount sys, List<String> terminals) {
        return List.of(
                new Mount("/proc", "proc", "proc", List.of("nosuid", "noexec", "nodev")),
                new Mount("/dev", "tmpfs", "tmpfs", List.of("nosuid", "strictatime", "mode=755", "size=65536k")),
                sys,
                new Mount("/dev/pts", "devpts", "devpts", terminals),
                new Mount("/dev/mqueue", "mqueue", "mqueue", List.of("nosuid", "noexec", "nodev")),
                new Mount(
                        "/sys/fs/cgroup",
                        "cgroup",
                        "cgroup",
                        List.of("nosuid", "noexec", "nodev", "relatime", access(privileged))));
    }

    /** What all containers of a pod share: its memory files and the three files about its name. */
    private static List<Mount> ofPod(SpecRequest request) {
        boolean readonly = request.config().security() != null
                && request.config().security().readonlyRootfs();
        List<String> options = List.of("rbind", "rprivate", readonly ? "ro" : "rw");
        Path files = request.pod().files();
        boolean hostIpc = NamespacePart.options(request).ipc() == Mode.NODE;
        return List.of(
                new Mount(
                        "/dev/shm",
                        "bind",
                        hostIpc ? "/dev/shm" : PodReference.SHM,
                        List.of("rbind", "rprivate", "rw")),
                new Mount(
                        "/etc/hostname",
                        "bind",
                        files.resolve(PodFiles.HOSTNAME).toString(),
                        options),
                new Mount("/etc/hosts", "bind", files.resolve(PodFiles.HOSTS).toString(), options),
                new Mount(
                        "/etc/resolv.conf",
                        "bind",
                        files.resolve(PodFiles.RESOLV_CONF).toString(),
                        options));
    }

    private static Mount volume(VolumeMount mount, SpecRequest request, @Nullable String label) {
        UserIds.check(mount, request);
        Path destination = destination(mount);
        if (mount.image() != null) {
            return ofImage(mount, destination, image(mount, request), NamespacePart.options(request));
        }
        Path source = HostPaths.volume(hostPath(mount));
        checkProc(destination, source);
        if (label != null && mount.selinuxRelabel()) {
            Relabelling.of(source, label);
        }
        List<String> options = new ArrayList<>(List.of("rbind"));
        options.add(propagation(mount, source));
        options.add(access(mount));
        options.addAll(further(mount));
        return new Mount(
                destination.toString(),
                "bind",
                source.toString(),
                options,
                NamespacePart.mappings(mount.uidMappings()),
                NamespacePart.mappings(mount.gidMappings()));
    }

    private static Mount ofImage(VolumeMount mount, Path destination, ImageTree tree, NamespaceOptions namespaces) {
        if (destination.startsWith("/proc")) {
            throw bad(mount, "only a proc file system can be mounted there");
        }
        List<String> options = new ArrayList<>();
        if (tree.isOne()) {
            options.addAll(List.of("rbind", "rprivate"));
        } else {
            options.add(tree.lowerDirectories());
        }
        options.add("ro");
        options.addAll(further(mount));
        return new Mount(
                destination.toString(),
                tree.isOne() ? "bind" : "overlay",
                tree.isOne() ? tree.layers().getFirst().toString() : "overlay",
                options,
                NamespacePart.users(namespaces),
                NamespacePart.groups(namespaces));
    }

    private static List<String> further(VolumeMount mount) {
        List<String> options = new ArrayList<>();
        for (String option : mount.options()) {
            if (!HARMLESS.contains(option)) {
                throw bad(mount, "the option \"" + Shown.of(option) + "\" is not one of " + HARMLESS);
            }
            options.add(option);
        }
        return options;
    }

    private static Path destination(VolumeMount mount) {
        Path path = HostPaths.parse("mount", mount.containerPath());
        Path clean = Path.of("/").resolve(path).normalize(); // ".." at the root stays at the root
        if (clean.getNameCount() == 0) {
            throw bad(mount, "a volume cannot be mounted over the root");
        }
        return clean;
    }

    private static Path hostPath(VolumeMount mount) {
        Path path = HostPaths.parse("mount \"" + Shown.of(mount.containerPath()) + "\"", mount.hostPath());
        if (!path.isAbsolute()) {
            throw bad(mount, "its path on the node is not absolute");
        }
        return path;
    }

    private static ImageTree image(VolumeMount mount, SpecRequest request) {
        if (!mount.hostPath().isEmpty()) {
            throw bad(mount, "it has both an image and a path on the node");
        }
        if (!mount.readonly()) {
            throw bad(mount, "an image can only be mounted read-only");
        }
        return Objects.requireNonNull(request.imageVolumes().get(mount.containerPath()));
    }

    /** Whoever can replace parts of /proc can make the runtime write its labels elsewhere (CVE-2019-16884). */
    private static void checkProc(Path destination, Path source) {
        if (destination.startsWith("/proc")
                && !PROC_FILES.contains(destination.toString())
                && !HostPaths.isProc(source)) {
            throw Fault.invalid(
                    "mount \"" + destination + "\"",
                    "only a proc file system can be mounted there",
                    "Mount the volume elsewhere");
        }
    }

    private static String propagation(VolumeMount mount, Path source) {
        return switch (mount.propagation()) {
            case PRIVATE -> "rprivate";
            case HOST_TO_CONTAINER -> {
                if (HostPaths.sharing(source) == HostPaths.Sharing.NONE) {
                    throw notShared(source, "shared nor a slave");
                }
                yield "rslave";
            }
            case BIDIRECTIONAL -> {
                if (HostPaths.sharing(source) != HostPaths.Sharing.BOTH) {
                    throw notShared(source, "shared");
                }
                yield "rshared";
            }
        };
    }

    /** Recursive read-only is a promise about everything below, so nothing may come in there later. */
    private static String access(VolumeMount mount) {
        if (!mount.recursiveReadOnly()) {
            return mount.readonly() ? "ro" : "rw";
        }
        if (!mount.readonly()) {
            throw bad(mount, "it is recursively read-only but not read-only");
        }
        if (mount.propagation() != Propagation.PRIVATE) {
            throw bad(mount, "it is recursively read-only but has the propagation " + mount.propagation());
        }
        return "rro";
    }

    private static @Nullable String stronger(@Nullable String now, Propagation propagation) {
        return switch (propagation) {
            case PRIVATE -> now;
            case HOST_TO_CONTAINER -> "rshared".equals(now) ? now : "rslave";
            case BIDIRECTIONAL -> "rshared";
        };
    }

    private static Fault notShared(Path source, String how) {
        return Fault.precondition(
                "mount volume " + Shown.of(source.toString()),
                "the mount that holds it is not " + how,
                "Make it so on the node: mount --make-rshared");
    }

    private static Fault bad(VolumeMount mount, String why) {
        return Fault.invalid(
                "mount \"" + Shown.of(mount.containerPath()) + "\"", why, "Correct the container's mounts");
    }
}

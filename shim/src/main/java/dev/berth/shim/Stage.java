package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.MountAttributes;
import dev.berth.linux.MountFlag;
import dev.berth.linux.Mounts;
import dev.berth.linux.Namespaces;
import dev.berth.linux.Propagation;
import dev.berth.shim.runtime.BundleConfig;
import dev.berth.shim.runtime.RuntimeProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Where the root and the volumes of a container with a user namespace stand while its runtime takes them over.
 *
 * <p>The runtime looks for them as the container's root, who may not walk through directories of the node that are only
 * root's, as those of the kubelet are. So all of them are mounted where everybody can reach them, with the owners that
 * they shall have inside: the root on a directory of the node, the volumes in a file system in memory on another, both in the copy
 * of the mount table in which the runtime is born; nobody else sees them.
 */
final class Stage {
    private static final List<Path> PLACES =
            List.of(Path.of("/mnt"), Path.of("/media"), Path.of("/srv"), Path.of("/opt"), Path.of("/home"));

    private final Path root;
    private final Path volumes;
    private final Path userNamespace;

    private Stage(Path root, Path volumes, Path userNamespace) {
        this.root = root;
        this.volumes = volumes;
        this.userNamespace = userNamespace;
    }

    /**
     * A stage for a container.
     *
     * @param userNamespace that it joins
     * @param needed what the runtime must see besides
     * @throws Fault FAILED_PRECONDITION if there is no directory for it
     */
    static Stage of(Path userNamespace, List<Path> needed) {
        List<Path> places = PLACES.stream()
                .filter(Files::isDirectory)
                .filter(place -> needed.stream().noneMatch(path -> path.startsWith(place)))
                .toList();
        if (places.size() < 2) {
            throw Fault.precondition(
                    "make a container with a user namespace",
                    "there are no two places for its root and its volumes among " + PLACES,
                    "Make the directories /mnt and /media");
        }
        return new Stage(places.get(0), places.get(1), userNamespace);
    }

    /** A directory that the node has too: runc wants to see it again when it runs a command in the container. */
    Path root() {
        return root;
    }

    /** The config with the sources of its mounts as they are here. */
    BundleConfig seenFrom(BundleConfig config, RuntimeProgram runtime) {
        BundleConfig told = runtime.refusesMappings() ? config.withoutMappings() : config;
        return told.withSources(Stream.concat(
                        config.binds().stream().map(BundleConfig.Bind::position),
                        config.overlays().stream().map(BundleConfig.Overlay::position))
                .collect(Collectors.toMap(position -> position, this::place)));
    }

    private Path place(int position) {
        return volumes.resolve(Integer.toString(position));
    }

    /**
     * Sets it, on a thread with a copy of the mount table.
     *
     * @param memory shared memory of pods, by what stands in the config for it
     */
    void mount(List<Births.Mount> rootfs, BundleConfig config, Map<Path, DetachedMount> memory)
            throws IOException, InterruptedException {
        try (Fd ids = Namespaces.open(userNamespace);
                Rollback opened = new Rollback()) { // what was moved to its place stays there
            Map<Integer, DetachedMount> sources = new TreeMap<>();
            for (BundleConfig.Bind bind : config.binds()) {
                DetachedMount shared = memory.get(Path.of(bind.source()));
                DetachedMount source = shared == null ? clone(bind, ids) : shared;
                opened.add("handle of " + bind.source(), source::close);
                sources.put(bind.position(), source);
            }
            for (BundleConfig.Overlay overlay : config.overlays()) {
                DetachedMount made = Mounts.fromOptions("overlay", "overlay", overlay.options(), ids);
                opened.add("handle of what is for " + overlay.destination(), made::close);
                sources.put(overlay.position(), made);
            }
            List<DetachedMount> roots = new ArrayList<>();
            for (Births.Mount mount : rootfs) {
                DetachedMount made = Mounts.fromOptions(mount.type(), mount.source(), mount.options(), ids);
                opened.add("handle of the root", made::close);
                roots.add(made);
            }
            set();
            for (int i = 0; i < roots.size(); i++) {
                roots.get(i).moveTo(Births.below(root, rootfs.get(i).target()));
            }
            for (Map.Entry<Integer, DetachedMount> source : sources.entrySet()) {
                moveTo(place(source.getKey()), source.getValue());
            }
        }
    }

    /** From now on nothing that is mounted reaches the host; volumes that share with it were cloned before. */
    private void set() throws IOException {
        Mounts.setattr(Path.of("/"), MountAttributes.nothing().with(Propagation.PRIVATE), true);
        try (DetachedMount empty =
                Mounts.tmpfs(Map.of("mode", "0755", "size", "1048576"), Set.of(MountFlag.NO_SUID, MountFlag.NO_DEV))) {
            empty.moveTo(volumes);
        }
    }

    private static void moveTo(Path place, DetachedMount source) throws IOException {
        if (Files.isDirectory(source.fd().procPath())) {
            Files.createDirectory(place);
        } else {
            Files.createFile(place);
        }
        source.moveTo(place);
    }

    private static DetachedMount clone(BundleConfig.Bind bind, Fd ids) throws LinuxException {
        DetachedMount clone = Mounts.bind(Path.of(bind.source()), bind.recursive());
        try {
            if (bind.mapped()) {
                map(clone, bind, ids);
            }
            return clone;
        } catch (LinuxException | Fault e) {
            clone.close();
            throw e;
        }
    }

    /** With all that is mounted below if its file systems can; what cannot belongs to nobody inside. */
    private static void map(DetachedMount clone, BundleConfig.Bind bind, Fd ids) throws LinuxException {
        MountAttributes mapped = MountAttributes.nothing().idmappedBy(ids);
        try {
            clone.setattr(mapped, bind.recursive());
        } catch (LinuxException whole) {
            try {
                clone.setattr(mapped, false);
            } catch (LinuxException e) {
                if (!e.is(Errno.EINVAL) && !e.is(Errno.EPERM)) {
                    throw e;
                }
                throw Fault.precondition(
                                "mount " + bind.source() + " at " + bind.destination()
                                        + " in a pod with a user namespace",
                                "its file system cannot show files with other owners: " + e.getMessage(),
                                "Put the volume on ext4, xfs, btrfs or tmpfs, or use hostUsers: true")
                        .causedBy(e);
            }
        }
    }
}

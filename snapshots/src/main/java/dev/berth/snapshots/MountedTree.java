package dev.berth.snapshots;

import dev.berth.kernel.Fault;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Mounts;
import dev.berth.linux.Namespaces;
import dev.berth.linux.Platform;
import dev.berth.linux.Propagation;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Trees that a client describes by what to mount, as {@link Snapshotter#mounts} gives it. They are mounted where nobody else sees
 * them, for as long as the work takes.
 */
public final class MountedTree {
    private static final String LOWER = "lowerdir=";
    private static final String UPPER = "upperdir=";
    private static final String OVERLAY = "overlay";

    /** Work on the root of a tree. */
    private interface Work {
        void on(Dir root) throws IOException, InterruptedException;
    }

    private MountedTree() {}

    /**
     * Puts a layer onto a tree. Deletions are carried out.
     *
     * @param mounts the writable tree
     * @throws Fault INVALID_ARGUMENT if the layer is broken or the mounts contradict each other; RESOURCE_EXHAUSTED; CANCELLED
     */
    public static void apply(List<MountPoint> mounts, InputStream tar) {
        platform("apply a layer", () -> with(mounts, root -> LayerUnpack.inPlace(root, tar)));
    }

    /**
     * Writes the layer that makes one tree the other. Neither is changed.
     *
     * @param latest what has changed later is said to have changed then; null for no such limit
     * @throws Fault FAILED_PRECONDITION if there is something that no layer can hold; ABORTED if a tree changes meanwhile; CANCELLED
     */
    public static void difference(
            List<MountPoint> lower, List<MountPoint> upper, OutputStream out, @Nullable Instant latest) {
        Path changed = changed(lower, upper);
        platform(
                "tell what has changed",
                () -> with(
                        readOnly(lower),
                        below -> with(readOnly(upper), above -> {
                            if (changed == null) {
                                TreeDiff.write(below, above, null, out, latest);
                                return;
                            }
                            try (Dir own = Dir.open(changed)) {
                                TreeDiff.write(below, above, own, out, latest);
                            }
                        })));
    }

    private interface Step {
        void run() throws IOException, InterruptedException;
    }

    private static void platform(String what, Step step) {
        try {
            Platform.<Boolean, IOException>call(what, () -> {
                step.run();
                return true;
            });
        } catch (LinuxException e) {
            throw SnapshotFault.of(what, e);
        } catch (IOException e) {
            throw Fault.unavailable(what, String.valueOf(e.getMessage()), "").causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, what, "it was cancelled", "").causedBy(e);
        }
    }

    private static void with(List<MountPoint> mounts, Work work) throws IOException, InterruptedException {
        if (mounts.isEmpty()) {
            onEmpty(work);
        } else if (mounts.size() == 1 && mounts.getFirst().target().isEmpty()) {
            try (DetachedMount mount = mount(mounts.getFirst());
                    Dir root = Dir.open(mount.fd())) {
                work.on(root);
            }
        } else {
            Namespaces.inMountCopy(Propagation.PRIVATE, () -> {
                inNamespace(mounts, work);
                return true;
            });
        }
    }

    /** No mounts at all mean an empty tree. */
    private static void onEmpty(Work work) throws IOException, InterruptedException {
        try (DetachedMount nothing = Mounts.tmpfs(Map.of(), Set.of());
                Dir root = Dir.open(nothing.fd())) {
            work.on(root);
        }
    }

    /** Several mounts, one below the other. They and their place go with the thread. */
    private static void inNamespace(List<MountPoint> mounts, Work work) throws IOException, InterruptedException {
        Path place = Files.createTempDirectory("berth-tree");
        try {
            for (MountPoint each : mounts) {
                Path target = place.resolve(each.target()).normalize();
                if (!target.startsWith(place)) {
                    throw Fault.invalid("mount " + each.source(), "its target " + each.target() + " leads out", "");
                }
                try (DetachedMount mount = mount(each)) {
                    mount.moveTo(target);
                }
            }
            try (Dir root = Dir.open(place)) {
                work.on(root);
            }
        } finally {
            while (Mounts.unmountAll(place)) {
                // what lay on it is gone too
            }
            Files.delete(place);
        }
    }

    private static DetachedMount mount(MountPoint mount) throws InterruptedException {
        try {
            return Mounts.fromOptions(mount.type(), mount.source(), mount.options());
        } catch (IOException e) {
            throw Fault.invalid(
                            "mount " + mount.type() + " " + mount.source() + " with " + mount.options(),
                            String.valueOf(e.getMessage()),
                            "")
                    .causedBy(e);
        }
    }

    /** The same to see without a way to change it: what an overlay would write to is its topmost layer. */
    private static List<MountPoint> readOnly(List<MountPoint> mounts) {
        return mounts.stream().map(MountedTree::readOnly).toList();
    }

    private static MountPoint readOnly(MountPoint mount) {
        List<String> options = new ArrayList<>(mount.options());
        options.remove("rw");
        if (!mount.type().equals(OVERLAY)) {
            options.add("ro");
            return new MountPoint(mount.type(), mount.source(), mount.target(), options);
        }
        String upper = value(options, UPPER);
        if (upper == null) {
            return mount;
        }
        String lower = value(options, LOWER);
        options.removeIf(option -> option.startsWith(UPPER)
                || option.startsWith(LOWER)
                || option.startsWith("workdir=")
                || option.equals("volatile"));
        if (lower == null) {
            return new MountPoint("bind", upper, mount.target(), List.of("ro", "rbind"));
        }
        options.add(LOWER + upper.replace("\\", "\\\\").replace(":", "\\:") + ":" + lower);
        return new MountPoint(OVERLAY, mount.source(), mount.target(), options);
    }

    private static @Nullable String value(List<String> options, String key) {
        return options.stream()
                .filter(option -> option.startsWith(key))
                .findFirst()
                .map(option -> option.substring(key.length()))
                .orElse(null);
    }

    /** The directory that holds all in which the upper tree is different, if one is a layer more than the other. */
    private static @Nullable Path changed(List<MountPoint> lower, List<MountPoint> upper) {
        List<String> below = layers(lower);
        List<String> above = layers(upper);
        boolean oneMore = !below.isEmpty()
                && above.size() == below.size() + 1
                && above.subList(1, above.size()).equals(below);
        return oneMore ? Path.of(above.getFirst()) : null;
    }

    /** The directories that are seen together, topmost first; none if that cannot be told. */
    private static List<String> layers(List<MountPoint> mounts) {
        if (mounts.size() != 1 || !mounts.getFirst().target().isEmpty()) {
            return List.of();
        }
        MountPoint mount = mounts.getFirst();
        if (mount.type().equals("bind")) {
            return List.of(mount.source());
        }
        String lower = value(mount.options(), LOWER);
        if (!mount.type().equals(OVERLAY) || lower == null) {
            return List.of();
        }
        List<String> layers = new ArrayList<>();
        String upper = value(mount.options(), UPPER);
        if (upper != null) {
            layers.add(upper);
        }
        for (String each : lower.split("(?<!\\\\):", -1)) {
            layers.add(each.replaceAll("\\\\(.)", "$1"));
        }
        return layers;
    }
}

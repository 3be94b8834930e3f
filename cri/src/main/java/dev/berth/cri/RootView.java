package dev.berth.cri;

import dev.berth.kernel.Fault;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.Mounts;
import dev.berth.linux.OverlayMount;
import dev.berth.snapshots.MountPoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The root of an image, for reading: mounted detached, so that no path of the node leads to it, and without the
 * container's own layer, so that letting go of it flushes nothing.
 */
final class RootView implements AutoCloseable {
    private final @Nullable DetachedMount mount;
    private final Dir root;
    private final List<Path> layers;

    private RootView(@Nullable DetachedMount mount, Dir root, List<Path> layers) {
        this.mount = mount;
        this.root = root;
        this.layers = layers;
    }

    /** @param mounts of a container's snapshot */
    static RootView open(List<MountPoint> mounts) throws InterruptedException {
        MountPoint point = mounts.getFirst();
        try {
            List<Path> lower = lower(point);
            if (lower.size() == 1) {
                return new RootView(null, Dir.open(lower.getFirst()), lower);
            }
            DetachedMount mount = Mounts.overlay(new OverlayMount(lower, null, List.of()));
            try {
                return new RootView(mount, Dir.open(mount.fd()), lower);
            } catch (IOException e) {
                mount.close();
                throw e;
            }
        } catch (IOException e) {
            throw Fault.internal("look into the image", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    private static List<Path> lower(MountPoint point) {
        if (!point.type().equals("overlay")) {
            return List.of(Path.of(point.source()));
        }
        return point.options().stream()
                .filter(option -> option.startsWith("lowerdir="))
                .flatMap(option ->
                        Arrays.stream(option.substring("lowerdir=".length()).split(":", -1)))
                .map(Path::of)
                .toList();
    }

    /** The root itself; it stays this object's. */
    Dir root() {
        return root;
    }

    /** The directories that it is made of, topmost first. */
    List<Path> layers() {
        return layers;
    }

    @Override
    public void close() {
        root.close();
        if (mount != null) {
            mount.close();
        }
    }
}

package dev.berth.cri;

import dev.berth.cri.spec.ImageFiles;
import dev.berth.kernel.Fault;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.Dir.Resolve;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Mounts;
import dev.berth.linux.OverlayMount;
import dev.berth.snapshots.MountPoint;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The root of an image, for reading: mounted detached, so that no path of the node leads to it, and without the
 * container's own layer, so that letting go of it flushes nothing.
 */
final class RootView implements ImageFiles, AutoCloseable {
    private final @Nullable DetachedMount mount;
    private final Dir root;

    private RootView(@Nullable DetachedMount mount, Dir root) {
        this.mount = mount;
        this.root = root;
    }

    /** @param mounts of a container's snapshot */
    static RootView open(List<MountPoint> mounts) throws InterruptedException {
        MountPoint point = mounts.getFirst();
        try {
            List<Path> lower = lower(point);
            if (lower.size() == 1) {
                return new RootView(null, Dir.open(lower.getFirst()));
            }
            DetachedMount mount = Mounts.overlay(new OverlayMount(lower, null, List.of()));
            try {
                return new RootView(mount, Dir.open(mount.fd()));
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

    @Override
    public byte @Nullable [] read(String path, int most) {
        byte[] name = path.substring(1).getBytes(StandardCharsets.UTF_8);
        try (Fd file = root.openFile(name, Fd.O_RDONLY | Fd.O_NONBLOCK, Resolve.IN_ROOT)) {
            long size = file.stamp().size();
            if (!Files.isRegularFile(file.procPath()) || size > most) {
                throw Fault.invalid(
                        "look into the image",
                        path + " is no regular file of at most " + most + " bytes",
                        "Mend the image, or give users and groups as numbers");
            }
            var buffer = ByteBuffer.allocate((int) size);
            while (buffer.hasRemaining() && file.read(buffer) > 0) {}
            return Arrays.copyOf(buffer.array(), buffer.position());
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT) || e.is(Errno.ENOTDIR)) {
                return null;
            }
            throw Fault.invalid(
                            "look into the image",
                            path + " cannot be read: " + e.getMessage(),
                            "Mend the image, or give users and groups as numbers")
                    .causedBy(e);
        }
    }

    /** A directory of the image; null if there is none of that path. */
    @Nullable
    Dir directory(Path path) throws LinuxException {
        try {
            return root.openDir(path.toString().substring(1).getBytes(StandardCharsets.UTF_8), Resolve.IN_ROOT);
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT) || e.is(Errno.ENOTDIR)) {
                return null;
            }
            throw e;
        }
    }

    @Override
    public void close() {
        root.close();
        if (mount != null) {
            mount.close();
        }
    }
}

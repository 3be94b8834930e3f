package dev.berth.cri.spec;

import dev.berth.kernel.Fault;
import dev.berth.linux.MountEntry;
import dev.berth.linux.Mounts;
import dev.berth.linux.Platform;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/**
 * Paths of the node that a request names. They are looked at on a platform thread: a dead network disk can hold a stat for
 * hours, and must not hold a carrier of virtual threads.
 */
final class HostPaths {
    private HostPaths() {}

    static Path parse(String what, String text) {
        try {
            if (!text.isEmpty()) {
                return Path.of(text);
            }
        } catch (InvalidPathException e) {
            throw Fault.invalid(what, "\"" + Shown.of(text) + "\" is not a path", "Give an absolute path")
                    .causedBy(e);
        }
        throw Fault.invalid(what, "its path is empty", "Give an absolute path");
    }

    /** The real path of a volume, which is made (a directory) if there is none, as the kubelet expects. */
    static Path volume(Path path) {
        try {
            return Platform.call("volume " + path, () -> {
                if (!Files.exists(path)) {
                    Files.createDirectories(path);
                }
                return path.toRealPath();
            });
        } catch (IOException e) {
            throw Fault.precondition(
                            "mount volume " + Shown.of(path.toString()),
                            "its path on the node cannot be used: " + Shown.of(String.valueOf(e.getMessage())),
                            "Name a file or a directory of the node, or one that can be made there")
                    .causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, "mount volume " + path, "the call was given up", "");
        }
    }

    /** How the mount that a path lies on passes mounts on. */
    enum Sharing {
        NONE,
        RECEIVES,
        BOTH
    }

    static Sharing sharing(Path real) {
        List<String> propagation = mountOf(real).propagation();
        if (propagation.stream().anyMatch(p -> p.startsWith("shared:"))) {
            return Sharing.BOTH;
        }
        return propagation.stream().anyMatch(p -> p.startsWith("master:")) ? Sharing.RECEIVES : Sharing.NONE;
    }

    static boolean isProc(Path real) {
        return mountOf(real).type().equals("proc");
    }

    private static MountEntry mountOf(Path real) {
        MountEntry best = null;
        int depth = -1;
        for (MountEntry mount : mounts()) {
            Path target = Path.of(mount.target());
            if (real.startsWith(target) && target.getNameCount() >= depth) { // later mounts cover earlier ones
                best = mount;
                depth = target.getNameCount();
            }
        }
        if (best == null) {
            throw Fault.internal("find the mount of " + real, "mountinfo has no root", "");
        }
        return best;
    }

    private static List<MountEntry> mounts() {
        try {
            return Mounts.list();
        } catch (IOException e) {
            throw Fault.internal("read the mount table", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }
}

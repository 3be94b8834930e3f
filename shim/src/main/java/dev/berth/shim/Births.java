package dev.berth.shim;

import dev.berth.linux.Child;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.LinuxException;
import dev.berth.linux.MountAttributes;
import dev.berth.linux.Mounts;
import dev.berth.linux.Namespaces;
import dev.berth.linux.Platform;
import dev.berth.linux.Poller;
import dev.berth.linux.Propagation;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.shim.runtime.Launcher;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How the programs of runtimes are born: in a copy of the host's mount table that goes with them, in the cgroups of their
 * container, or just so.
 *
 * <p>A mount namespace and, on cgroup v1, a cgroup belong to a thread. So a platform thread takes on both, starts the
 * program, which inherits them, and ends. The copy of the table is made at that moment: a volume that was mounted a
 * moment ago is in it. Its mounts stay peers of the host's, so that a mount that a container makes in a shared volume
 * reaches the host; what we mount lies below a private mount and does not.
 */
final class Births {
    /** A file system to mount, as containerd describes it; {@code target} is relative to the root of the container. */
    record Mount(String type, String source, String target, List<String> options) {}

    private static final Map<String, String> ENVIRONMENT =
            Map.of("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL", "C.UTF-8");

    /** crun before 1.9 refuses every container if this file, of a host with both cgroup versions, names a controller. */
    private static final Path HYBRID_CONTROLLERS = Path.of("/sys/fs/cgroup/unified/cgroup.controllers");

    /** Something to do on the thread before the program is started. */
    private interface Preparation {
        void run() throws IOException, InterruptedException;
    }

    private Births() {}

    /** Just so. */
    static Launcher plain() {
        return command -> run(command, () -> spawn(command));
    }

    /** In a copy of the mount table in which a hybrid host looks like one with cgroup v1 only. */
    static Launcher withoutHybridCgroups(@Nullable Cgroup cgroup) {
        return inCopy(cgroup, Births::hideHybridControllers);
    }

    /** True if this host needs {@link #withoutHybridCgroups}. */
    static boolean hasHybridControllers() throws IOException {
        return Files.exists(HYBRID_CONTROLLERS)
                && !Files.readString(HYBRID_CONTROLLERS).isBlank();
    }

    /**
     * For making a container: with its root mounted.
     *
     * @param rootfs what to mount at the target, in this order; none if the container's root is there already
     * @param hideHybrid see {@link #withoutHybridCgroups}
     */
    static Launcher ofContainer(
            List<Mount> rootfs,
            Path target,
            Map<Path, DetachedMount> more,
            boolean hideHybrid,
            @Nullable Cgroup cgroup) {
        return inCopy(cgroup, () -> {
            if (hideHybrid) {
                hideHybridControllers();
            }
            for (Mount mount : rootfs) {
                try (DetachedMount made = Mounts.fromOptions(mount.type(), mount.source(), mount.options())) {
                    made.moveTo(below(target, mount.target()));
                }
            }
            for (Map.Entry<Path, DetachedMount> each : more.entrySet()) {
                each.getValue().moveTo(each.getKey());
            }
        });
    }

    private static Path below(Path root, String target) throws IOException {
        Path path = root.resolve(target.replaceFirst("^/+", "")).normalize();
        if (!path.startsWith(root)) {
            throw new IOException("a mount of the root file system has a target outside of it: " + target);
        }
        return path;
    }

    private static Launcher inCopy(@Nullable Cgroup cgroup, Preparation preparation) {
        return command -> run(
                command,
                () -> Namespaces.inMountCopy(Propagation.UNCHANGED, () -> {
                    preparation.run();
                    if (cgroup != null) {
                        cgroup.attachThisThread();
                    }
                    return spawn(command);
                }));
    }

    private static void hideHybridControllers() throws IOException {
        Path hierarchy = HYBRID_CONTROLLERS.getParent();
        if (hierarchy != null && Files.exists(HYBRID_CONTROLLERS)) {
            // Without this the next line would reach the host.
            Mounts.setattr(hierarchy, MountAttributes.nothing().with(Propagation.PRIVATE), false);
            try (DetachedMount nothing = Mounts.bind(Path.of("/dev/null"), false)) {
                nothing.moveTo(HYBRID_CONTROLLERS);
            }
        }
    }

    private static Child spawn(Launcher.Command command) throws LinuxException {
        Path program = Path.of(command.argv().getFirst());
        Launcher.Streams streams = command.streams();
        return Child.command(program, command.argv())
                .environment(ENVIRONMENT)
                .directory(command.directory())
                .stdio(streams.input(), streams.output(), streams.error())
                .newSession()
                .spawn();
    }

    private static Launcher.Ended run(Launcher.Command command, Platform.Call<Child, IOException> birth)
            throws IOException, InterruptedException {
        try (Child child = birth.run()) {
            return await(child, command.limit());
        }
    }

    /** An interrupt ends the program as well: nobody would wait for it. */
    private static Launcher.Ended await(Child child, Duration limit) throws IOException, InterruptedException {
        try {
            Optional<ExitStatus> status = child.await(limit);
            if (status.isPresent()) {
                return new Launcher.Ended(status.get(), false);
            }
        } catch (InterruptedException e) {
            child.kill();
            reap(child);
            throw e;
        }
        child.kill();
        return new Launcher.Ended(child.await(Poller.FOREVER).orElseThrow(), true);
    }

    private static void reap(Child child) throws IOException {
        try {
            child.await(Duration.ofSeconds(5));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

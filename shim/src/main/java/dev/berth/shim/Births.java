package dev.berth.shim;

import dev.berth.linux.Child;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import dev.berth.linux.MountAttributes;
import dev.berth.linux.Mounts;
import dev.berth.linux.Namespaces;
import dev.berth.linux.Platform;
import dev.berth.linux.Poller;
import dev.berth.linux.Propagation;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.shim.runtime.Launcher;
import dev.berth.shim.runtime.RuntimeProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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

    private static final List<Path> USUAL = Stream.of(
                    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
            .map(Path::of)
            .toList();

    /** How often, and how far apart, a helper is asked to take back what it has begun. */
    private static final int PLEAS = 300;

    private static final Duration AFTER_PLEA = Duration.ofMillis(100);

    /** crun before 1.9 refuses every container if this file, of a host with both cgroup versions, names a controller. */
    private static final Path HYBRID_CONTROLLERS = Path.of("/sys/fs/cgroup/unified/cgroup.controllers");

    /** Something to do on the thread before the program is started. */
    private interface Preparation {
        void run() throws IOException, InterruptedException;
    }

    /** Makes the calling thread, and what it will start, one of a cgroup's. */
    interface Entry {
        void enter() throws IOException, InterruptedException;
    }

    private final boolean hybrid;
    private final Nothing nothing;
    private final List<Path> path;

    /**
     * Births on this host.
     *
     * @param hybrid whether crun must be kept from seeing the controllers of cgroup v2, see {@link
     *     #hasHybridControllers}
     * @param nothing for streams that a program does not have
     * @param path where programs are looked for after the usual directories
     */
    Births(boolean hybrid, Nothing nothing, List<Path> path) {
        this.hybrid = hybrid;
        this.nothing = nothing;
        this.path = Stream.concat(USUAL.stream(), path.stream()).distinct().toList();
    }

    /** Where runtimes find the programs that they run, in this order. */
    List<Path> path() {
        return path;
    }

    /** Just so, or in a cgroup. */
    Launcher of(RuntimeProgram.Kind kind, @Nullable Cgroup cgroup) {
        if (hides(kind)) {
            return inCopy(cgroup == null ? null : cgroup::attachThisThread, Births::hideHybridControllers);
        }
        return cgroup == null ? command -> run(command, Child.Command::spawn) : in(cgroup);
    }

    private boolean hides(RuntimeProgram.Kind kind) {
        return hybrid && kind == RuntimeProgram.Kind.CRUN;
    }

    private Launcher in(Cgroup cgroup) {
        return command -> run(
                command,
                ready -> Platform.<Child, IOException>thread("in-cgroup", () -> {
                    cgroup.attachThisThread();
                    return ready.spawn();
                }));
    }

    /** True on a host with both cgroup versions where crun before 1.9 runs only if it does not see this. */
    static boolean hasHybridControllers() throws IOException {
        return Files.exists(HYBRID_CONTROLLERS)
                && !Files.readString(HYBRID_CONTROLLERS).isBlank();
    }

    /** What is mounted for a container that is being made, by the thread in the copy of the mount table. */
    interface Scenery {
        void mount() throws IOException, InterruptedException;
    }

    /** File systems at a root in this order, and others at places. */
    record Table(List<Mount> rootfs, Path root, Map<Path, DetachedMount> others) implements Scenery {
        @Override
        public void mount() throws IOException, InterruptedException {
            for (Mount mount : rootfs) {
                try (DetachedMount made = Mounts.fromOptions(mount.type(), mount.source(), mount.options())) {
                    made.moveTo(below(root, mount.target()));
                }
            }
            for (Map.Entry<Path, DetachedMount> each : others.entrySet()) {
                each.getValue().moveTo(each.getKey());
            }
        }
    }

    /** For making a container: with its root mounted, in a cgroup or not. */
    Launcher ofContainer(Scenery scenery, RuntimeProgram.Kind kind, @Nullable Entry cgroup) {
        return inCopy(cgroup, () -> {
            if (hides(kind)) {
                hideHybridControllers();
            }
            scenery.mount();
        });
    }

    /** Where a mount of a root goes. */
    static Path below(Path root, String target) throws IOException {
        Path path = root.resolve(target.replaceFirst("^/+", "")).normalize();
        if (!path.startsWith(root)) {
            throw new IOException("a mount of the root file system has a target outside of it: " + target);
        }
        return path;
    }

    private Launcher inCopy(@Nullable Entry cgroup, Preparation preparation) {
        return command -> run(
                command,
                ready -> Namespaces.inMountCopy(Propagation.UNCHANGED, () -> {
                    preparation.run();
                    if (cgroup != null) {
                        cgroup.enter();
                    }
                    return ready.spawn();
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

    /** A command whose streams are all open. */
    private Child.Command prepare(Launcher.Command command, Fd nothing) {
        Launcher.Streams streams = command.streams();
        return Child.command(command.program(), command.argv())
                .environment(environment(command.helper()))
                .directory(command.directory())
                .stdio(
                        Objects.requireNonNullElse(streams.input(), nothing),
                        Objects.requireNonNullElse(streams.output(), nothing),
                        Objects.requireNonNullElse(streams.error(), nothing))
                .newSession();
    }

    private Map<String, String> environment(Launcher.@Nullable Helper helper) {
        Map<String, String> environment = new HashMap<>(helper == null ? Map.of() : helper.environment());
        Stream<Path> first = helper == null ? Stream.of() : Stream.of(helper.directory());
        environment.put(
                "PATH", Stream.concat(first, path.stream()).map(Path::toString).collect(Collectors.joining(":")));
        environment.put("LC_ALL", "C.UTF-8");
        return environment;
    }

    /** Gives birth to a command that is ready. */
    private interface Birth {
        Child to(Child.Command command) throws IOException, InterruptedException;
    }

    private Launcher.Ended run(Launcher.Command command, Birth birth) throws IOException, InterruptedException {
        Child born;
        try (Fd open = nothing.open()) {
            born = birth.to(prepare(command, open));
        }
        try (Child child = born) {
            return await(child, command);
        }
    }

    /** An interrupt ends the program as well, nobody would wait for it; and with it what it waits for, as a hook. */
    private static Launcher.Ended await(Child child, Launcher.Command command)
            throws IOException, InterruptedException {
        try {
            Optional<ExitStatus> status = child.await(command.limit());
            if (status.isPresent()) {
                return new Launcher.Ended(status.get(), false);
            }
        } catch (InterruptedException e) {
            if (pleaded(child, command.helper()).isEmpty()) {
                child.killSession();
                reap(child);
            }
            throw e;
        }
        Optional<ExitStatus> status = pleaded(child, command.helper());
        if (status.isEmpty()) {
            child.killSession();
            status = child.await(Poller.FOREVER);
        }
        return new Launcher.Ended(status.orElseThrow(), true);
    }

    /** Its status if it has come to an end in good order. It may be about to start its helper only: so it is asked again. */
    private static Optional<ExitStatus> pleaded(Child child, Launcher.@Nullable Helper helper) throws IOException {
        Optional<ExitStatus> status = Optional.empty();
        try {
            for (int times = 0; helper != null && status.isEmpty() && times < PLEAS; times++) {
                helper.plea().endBelow(child.pid());
                status = child.await(AFTER_PLEA);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // no time for good order
        }
        return status;
    }

    private static void reap(Child child) throws IOException {
        try {
            child.await(Duration.ofSeconds(5));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

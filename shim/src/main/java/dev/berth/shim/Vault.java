package dev.berth.shim;

import dev.berth.linux.DetachedMount;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.MountAttributes;
import dev.berth.linux.MountEntry;
import dev.berth.linux.Mounts;
import dev.berth.linux.Namespaces;
import dev.berth.linux.Platform;
import dev.berth.linux.Propagation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where things are kept alive by mounts that the host's table does not show: namespaces and shared memory of pods, handles of
 * processes. It is a mount namespace of its own, itself kept by one mount, and outlives the supervisor.
 *
 * <p>A kept thing has a place: a file or directory below {@link #directory()}, which is the same in the host's namespace and
 * in the vault; only in the vault something is mounted on it. Removing the place from the host's side lets go of the thing.
 * Thread-safe.
 */
final class Vault implements AutoCloseable {
    private static final int ATTEMPTS = 200;

    private final Path directory;
    private final Fd namespace;

    private Vault(Path directory, Fd namespace) {
        this.directory = directory;
        this.namespace = namespace;
    }

    /**
     * Opens the vault, and makes it if there is none.
     *
     * @param pin where the vault itself is kept, on a private mount
     * @param directory where its things are
     */
    static Vault open(Path pin, Path directory) throws IOException, InterruptedException {
        StateDir.make(directory);
        String target = pin.toString();
        if (Mounts.list().stream().noneMatch(mount -> mount.target().equals(target))) {
            Files.deleteIfExists(pin);
            make(pin, directory);
        }
        return new Vault(directory, Namespaces.open(pin));
    }

    /**
     * A mount namespace can only be kept in one that is older, and the kernel takes the smaller number for the older one. It
     * deals numbers out to each CPU in blocks: where we are in a young namespace ourselves, the first attempts may fail.
     */
    private static void make(Path pin, Path directory) throws IOException, InterruptedException {
        for (int attempt = 1; ; attempt++) {
            Fd made = Namespaces.inNew(Set.of(Namespaces.Kind.MOUNT), () -> empty(directory));
            try (made) {
                Namespaces.pin(made, pin);
                return;
            } catch (LinuxException e) {
                if (!e.is(Errno.ELOOP) || attempt == ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    /** Lets go of all mounts of a new mount namespace that are not needed, so that the host can still unmount its disks. */
    private static Fd empty(Path directory) throws IOException {
        Mounts.setattr(Path.of("/"), MountAttributes.nothing().with(Propagation.PRIVATE), true);
        List<MountEntry> mounts = Mounts.list();
        if (mounts.stream().anyMatch(mount -> !mount.propagation().isEmpty())) {
            throw new IOException("the copy of the mount table is still tied to the host's: " + mounts);
        }
        Fd self = Namespaces.openSelf(Namespaces.Kind.MOUNT);
        for (MountEntry mount : mounts.reversed()) {
            Path target = Path.of(mount.target());
            if (!directory.startsWith(target) && !target.equals(Path.of("/proc"))) {
                Mounts.unmountAll(target);
            }
        }
        return self;
    }

    Path directory() {
        return directory;
    }

    /** Keeps open namespaces or process handles at these places, whose directories exist. All or none. */
    void keep(Map<Path, Fd> things) throws IOException, InterruptedException {
        boolean _ = keep(things, () -> true);
    }

    /** The same for one thing that is still being made: meanwhile the way to its place is gone, which takes longer than the rest. */
    void keep(Path place, Platform.Call<Fd, IOException> coming) throws IOException, InterruptedException {
        Files.createFile(place);
        boolean kept = false;
        try {
            kept = inside(() -> {
                try (DetachedMount mount = Mounts.bind(coming.run(), false)) {
                    mount.moveTo(place);
                }
                return true;
            });
        } finally {
            if (!kept) {
                Files.deleteIfExists(place);
            }
        }
    }

    /**
     * The same as the first, and a file system at a place, a directory that exists.
     *
     * @return a clone of the file system, as {@link #copy} makes them
     */
    DetachedMount keep(Map<Path, Fd> things, Path place, DetachedMount filesystem)
            throws IOException, InterruptedException {
        return keep(things, () -> {
            filesystem.moveTo(place);
            return Mounts.bind(place, false);
        });
    }

    private <T> T keep(Map<Path, Fd> things, Platform.Call<T, IOException> more)
            throws IOException, InterruptedException {
        try {
            for (Path place : things.keySet()) {
                Files.createFile(place);
            }
            return inside(() -> {
                for (Map.Entry<Path, Fd> each : things.entrySet()) {
                    try (DetachedMount mount = Mounts.bind(each.getValue(), false)) {
                        mount.moveTo(each.getKey());
                    }
                }
                return more.run();
            });
        } catch (IOException | InterruptedException e) {
            for (Path place : things.keySet()) {
                Files.deleteIfExists(place);
            }
            throw e;
        }
    }

    /** Opens what is kept at these places. */
    Map<Path, Fd> open(List<Path> places) throws IOException, InterruptedException {
        return inside(() -> {
            Map<Path, Fd> opened = new LinkedHashMap<>();
            try {
                for (Path place : places) {
                    opened.put(place, Fd.open(place, Fd.O_RDONLY));
                }
                return opened;
            } catch (IOException e) {
                opened.values().forEach(Fd::close);
                throw e;
            }
        });
    }

    /** A clone of a file system that is kept at a place, to be mounted elsewhere. */
    DetachedMount copy(Path place) throws IOException, InterruptedException {
        return inside(() -> Mounts.bind(place, false));
    }

    /** Lets go of what is kept at a place or below it; harmless if there is nothing. */
    static void drop(Path place) throws IOException {
        if (Files.isDirectory(place)) {
            StateDir.removeTree(place);
        } else {
            Files.deleteIfExists(place);
        }
    }

    private <T> T inside(Platform.Call<T, IOException> work) throws IOException, InterruptedException {
        return Namespaces.enter(List.of(namespace), work);
    }

    /** Closes our handle; the vault stays. */
    @Override
    public void close() {
        namespace.close();
    }
}

package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Fd;
import dev.berth.linux.MountFlag;
import dev.berth.linux.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The shared memory of pods: a file system in memory for each, kept in the vault. A container's config names it by a directory
 * that is empty except on the thread that makes the container, where a clone of it is mounted there.
 */
final class PodMemory {
    private static final long DEFAULT_BYTES = 64 << 20;

    private final Vault vault;
    private final Path kept;
    private final Path places;

    /** One clone of each young pod's memory, by its place: a pod's first container need not wait for the vault. */
    private final Map<Path, DetachedMount> spares = new ConcurrentHashMap<>();

    /**
     * The shared memory of all pods.
     *
     * @param kept where the things of pods are in the vault, by namespace and id
     * @param places directory below which it appears while a container is made
     */
    PodMemory(Vault vault, Path kept, Path places) {
        this.vault = vault;
        this.kept = kept;
        this.places = places;
    }

    Path kept() {
        return kept;
    }

    /**
     * Makes the memory of a pod, and keeps its other things in the same visit to the vault.
     *
     * @param bytes its size; 0 for 64 MiB
     * @param users of a user namespace, to whose root it belongs; null for the host's
     * @param things as {@link Vault#keep(Map)} has them
     */
    void create(TaskKey pod, long bytes, PodRecord.@Nullable Users users, Map<Path, Fd> things)
            throws IOException, InterruptedException {
        StateDir.make(place(pod));
        Path home = home(place(pod));
        StateDir.make(home);
        Map<String, String> options = new LinkedHashMap<>(Map.of("mode", "1777"));
        options.put("size", Long.toString(bytes > 0 ? bytes : DEFAULT_BYTES));
        if (users != null) {
            options.put("uid", Long.toString(users.root()));
            options.put("gid", Long.toString(users.rootGroup()));
        }
        Set<MountFlag> flags = Set.of(MountFlag.NO_SUID, MountFlag.NO_DEV, MountFlag.NO_EXEC);
        try (DetachedMount memory = Mounts.tmpfs(options, flags)) {
            spares.put(place(pod), vault.keep(things, home, memory));
        }
    }

    /** Lets go of it: it is freed with the last container that has it mounted. */
    void remove(TaskKey pod) throws IOException {
        DetachedMount spare = spares.remove(place(pod));
        if (spare != null) {
            spare.close();
        }
        Files.deleteIfExists(place(pod));
    }

    /** The directory that a container's config names as the source of its /dev/shm. */
    Path place(TaskKey pod) {
        return places.resolve(pod.namespace()).resolve(pod.id());
    }

    /**
     * What to mount where, so that these sources of a config's mounts are pods' memory.
     *
     * @param sources paths below {@link #prefix()}
     * @throws Fault FAILED_PRECONDITION if there is no such pod
     */
    Map<Path, DetachedMount> mounts(List<String> sources) throws InterruptedException {
        Map<Path, DetachedMount> mounts = new LinkedHashMap<>();
        try (Rollback undo = new Rollback()) {
            undo.add("clones of shared memory", () -> mounts.values().forEach(DetachedMount::close));
            for (String source : sources) {
                Path place = Path.of(source);
                DetachedMount spare = spares.remove(place);
                mounts.put(place, spare != null ? spare : vault.copy(home(place)));
            }
            undo.commit();
            return mounts;
        } catch (IOException e) {
            throw Fault.precondition("mount the pod's shared memory", String.valueOf(e.getMessage()), "Make a new pod")
                    .causedBy(e);
        }
    }

    private Path home(Path place) {
        return kept.resolve(places.relativize(place)).resolve("shm");
    }

    /** With what such a source begins. */
    String prefix() {
        return places + "/";
    }
}

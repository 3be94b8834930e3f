package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.MountFlag;
import dev.berth.linux.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The shared memory of pods: a file system in memory for each, kept in the vault. A container's config names it by a directory
 * that is empty except on the thread that makes the container, where a clone of it is mounted there.
 */
final class PodMemory {
    private static final long DEFAULT_BYTES = 64 << 20;

    private final Vault vault;
    private final Path kept;
    private final Path places;

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
     * Makes the memory of a pod.
     *
     * @param bytes its size; 0 for 64 MiB
     */
    void create(TaskKey pod, long bytes) throws IOException, InterruptedException {
        StateDir.make(place(pod));
        Path home = kept.resolve(pod.namespace()).resolve(pod.id()).resolve("shm");
        StateDir.make(home);
        long size = bytes > 0 ? bytes : DEFAULT_BYTES;
        Set<MountFlag> flags = Set.of(MountFlag.NO_SUID, MountFlag.NO_DEV, MountFlag.NO_EXEC);
        try (DetachedMount memory = Mounts.tmpfs(Map.of("mode", "1777", "size", Long.toString(size)), flags)) {
            vault.keep(home, memory);
        }
    }

    /** Lets go of it: it is freed with the last container that has it mounted. */
    void remove(TaskKey pod) throws IOException {
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
        try {
            List<Path> homes = sources.stream()
                    .map(source ->
                            kept.resolve(places.relativize(Path.of(source))).resolve("shm"))
                    .toList();
            List<DetachedMount> copies = homes.isEmpty() ? List.of() : vault.copy(homes);
            for (int i = 0; i < copies.size(); i++) {
                mounts.put(Path.of(sources.get(i)), copies.get(i));
            }
            return mounts;
        } catch (IOException e) {
            throw Fault.precondition("mount the pod's shared memory", String.valueOf(e.getMessage()), "Make a new pod")
                    .causedBy(e);
        }
    }

    /** With what such a source begins. */
    String prefix() {
        return places + "/";
    }
}

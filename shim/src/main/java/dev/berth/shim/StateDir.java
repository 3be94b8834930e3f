package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.MountAttributes;
import dev.berth.linux.MountFlag;
import dev.berth.linux.Mounts;
import dev.berth.linux.Propagation;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where the supervisor keeps its things, and the lock that makes it the only one there.
 *
 * <p>{@code STATE/shim} is a file system in memory of its own, mounted once and left mounted for the next supervisor. It is
 * private: what a thread in a copy of the mount table mounts below it reaches nobody else.
 */
final class StateDir implements AutoCloseable {
    private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private final Path state;
    private final FileChannel lockFile;

    private StateDir(Path state, FileChannel lockFile) {
        this.state = state;
        this.lockFile = lockFile;
    }

    /**
     * Takes the directory, and prepares it if this is the first time since boot.
     *
     * @throws Fault FAILED_PRECONDITION if another supervisor has it
     */
    static StateDir open(Path state) throws IOException {
        Files.createDirectories(state.resolve("shim"), OWNER_ONLY);
        StateDir directory = new StateDir(state.toRealPath(), lock(state.resolve("supervisor.lock")));
        try {
            directory.mount();
            for (Path each :
                    new Path[] {directory.rootfs(), directory.sharedMemory(), directory.work(), directory.scratch()}) {
                Files.createDirectories(each, OWNER_ONLY);
            }
            return directory;
        } catch (IOException e) {
            directory.close();
            throw e;
        }
    }

    private static FileChannel lock(Path file) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock = tryLock(channel);
        if (lock == null) {
            channel.close();
            throw Fault.precondition(
                    "open " + file.getParent(), "another supervisor works there", "Use another state directory");
        }
        return channel;
    }

    private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null; // held by this very process
        }
    }

    private void mount() throws IOException {
        String target = shim().toString();
        if (Mounts.list().stream().noneMatch(mount -> mount.target().equals(target))) {
            try (DetachedMount memory =
                    Mounts.tmpfs(Map.of("mode", "0700"), Set.of(MountFlag.NO_SUID, MountFlag.NO_DEV))) {
                memory.moveTo(shim());
            }
        }
        Mounts.setattr(shim(), MountAttributes.nothing().with(Propagation.PRIVATE), false);
    }

    /** Takes everything away: when no task is left and none will come. */
    void remove() throws IOException {
        Mounts.unmountAll(vaultPin());
        Mounts.unmountAll(shim());
        Files.deleteIfExists(shim());
        Files.deleteIfExists(state.resolve("supervisor.lock"));
    }

    /** Lets the next supervisor in. */
    @Override
    public void close() throws IOException {
        lockFile.close();
    }

    Path socket() {
        return state.resolve("supervisor.sock");
    }

    Path journal() {
        return shim().resolve("journal");
    }

    /** Sockets through which terminals come. */
    Path streams() {
        return shim().resolve("streams");
    }

    /** What pumps keep. */
    Path pumps() {
        return shim().resolve("pumps");
    }

    /** Where the root of a container is mounted; each container sees its own there and nobody else any. */
    Path rootfs() {
        return shim().resolve("rootfs");
    }

    /** Where the shared memory of a pod appears while its containers are made: a directory for each pod's id. */
    Path sharedMemory() {
        return shim().resolve("shm");
    }

    /** Seccomp filters that crun has made. */
    Path seccomp() {
        return shim().resolve("seccomp");
    }

    /** The script through which CRIU is started. */
    Path criu() {
        return shim().resolve("criu");
    }

    /** Where the vault is kept. */
    Path vaultPin() {
        return shim().resolve("vault.ns");
    }

    /** Where the vault's things have their places. */
    Path vault() {
        return shim().resolve("vault");
    }

    /** Where the things of pods are in the vault, by namespace and id. */
    Path vaultPods() {
        return vault().resolve("pods");
    }

    /** Bundles and the root of the inits of pods. */
    Path inits() {
        return shim().resolve("inits");
    }

    /** What a runtime keeps of the containers of a namespace. */
    Path runtimeRoot(String runtime, String namespace) {
        String folder = runtime.replace('/', '_'); // one that a later config named is called by its path
        return shim().resolve("oci").resolve(folder).resolve(namespace);
    }

    /** Files that live as long as a task: its config as the runtime reads it, pid files, logs. */
    Path work(TaskKey task) {
        return work().resolve(task.namespace()).resolve(task.id());
    }

    /** Files for a moment. */
    Path scratch() {
        return shim().resolve("scratch");
    }

    private Path work() {
        return shim().resolve("work");
    }

    private Path shim() {
        return state.resolve("shim");
    }

    /** Makes a directory for its owner only, and those above it. */
    static void make(Path directory) throws IOException {
        Files.createDirectories(directory, OWNER_ONLY);
    }

    /** Removes a directory with all that is in it; harmless if there is none. */
    static void removeTree(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return;
        }
        try (Stream<Path> children = Files.list(directory)) {
            for (Path child : children.toList()) {
                if (Files.isDirectory(child, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
                    removeTree(child);
                } else {
                    Files.deleteIfExists(child);
                }
            }
        }
        Files.deleteIfExists(directory);
    }
}

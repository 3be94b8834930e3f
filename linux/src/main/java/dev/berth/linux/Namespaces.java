package dev.berth.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Namespaces: made, entered and kept.
 *
 * <p>A namespace belongs to a thread, and a thread of a pool must never carry one to its next job. So all work in other
 * namespaces runs on a platform thread that is made for it and ends with it; the caller waits, without holding a carrier
 * if it is a virtual thread.
 *
 * <p>User namespaces can't be made or entered by a thread of a process that has several: see {@link UserNamespace}.
 */
public final class Namespaces {
    /** The kinds of namespaces, named as in /proc/PID/ns. */
    public enum Kind {
        MOUNT("mnt", 0x20000),
        CGROUP("cgroup", 0x2000000),
        UTS("uts", 0x4000000),
        IPC("ipc", 0x8000000),
        USER("user", 0x10000000),
        PID("pid", 0x20000000),
        NET("net", 0x40000000);

        private final String file;
        private final int flag;

        Kind(String file, int flag) {
            this.file = file;
            this.flag = flag;
        }

        /** Its name in /proc/PID/ns. */
        public String file() {
            return file;
        }

        int flag() {
            return flag;
        }
    }

    private static final int CLONE_FS = 0x200;

    private static final MethodHandle UNSHARE = Native.withErrno("unshare", Native.INT, Native.INT);
    private static final MethodHandle SETNS = Native.withErrno("setns", Native.INT, Native.INT, Native.INT);
    private static final MethodHandle CHDIR = Native.withErrno("chdir", Native.INT, Native.POINTER);

    private Namespaces() {}

    /**
     * Runs work on a thread that is in new namespaces of these kinds. They go when the thread has ended, unless the work
     * {@linkplain #pin pins} or opens them.
     *
     * @param kinds any but USER; PID counts for children of the thread only
     */
    public static <T extends @Nullable Object> T inNew(Set<Kind> kinds, Platform.Call<T, IOException> work)
            throws IOException, InterruptedException {
        int flags = CLONE_FS;
        for (Kind kind : kinds) {
            if (kind == Kind.USER) {
                throw new IllegalArgumentException("a user namespace needs a process of its own: UserNamespace");
            }
            flags |= kind.flag;
        }
        int all = flags;
        return Platform.<T, IOException>thread("new-namespaces", () -> {
            unshare(all);
            return work.run();
        });
    }

    /**
     * Runs work on a thread that has entered these namespaces, in this order.
     *
     * <p>In a mount namespace that a container can write to, the work must not open files by path or load classes.
     *
     * @param namespaces open namespace files; they stay the caller's
     */
    public static <T extends @Nullable Object> T enter(Collection<Fd> namespaces, Platform.Call<T, IOException> work)
            throws IOException, InterruptedException {
        return Platform.<T, IOException>thread("in-namespaces", () -> {
            unshare(CLONE_FS); // setns refuses a mount namespace to a thread that shares its root directory
            for (Fd namespace : namespaces) {
                setns(namespace);
            }
            return work.run();
        });
    }

    /**
     * Runs work in each of several pinned network namespaces, one after the other, on a single thread: a thread for each would
     * cost more than the work does.
     *
     * @return what the work answered, by the key of the namespace; those that are gone are left out
     */
    public static <K, T> Map<K, T> inEachNetwork(Map<K, Path> pinned, Platform.Call<T, IOException> work)
            throws IOException, InterruptedException {
        if (pinned.isEmpty()) {
            return Map.of();
        }
        return Platform.<Map<K, T>, IOException>thread("in-namespaces", () -> {
            Map<K, T> answers = new HashMap<>();
            for (var each : pinned.entrySet()) {
                try (Fd namespace = open(each.getValue())) {
                    setns(namespace);
                } catch (LinuxException gone) {
                    continue; // EINVAL: let go of between its unmounting and the removal of its file
                }
                answers.put(each.getKey(), work.run());
            }
            return answers;
        });
    }

    /**
     * Runs work on a thread that has a copy of the mount table for itself. What it mounts goes with it; a mount tree that
     * it opens, or that a process which it starts takes along, lives on.
     *
     * @param propagation what to set on every mount of the copy: UNCHANGED keeps the copy's mounts peers of the originals,
     *     so that a mount below a shared one reaches the host too; SLAVE and PRIVATE do not
     */
    public static <T extends @Nullable Object> T inMountCopy(
            Propagation propagation, Platform.Call<T, IOException> work) throws IOException, InterruptedException {
        return inNew(Set.of(Kind.MOUNT), () -> {
            if (propagation != Propagation.UNCHANGED) {
                Mounts.setattr(Path.of("/"), MountAttributes.nothing().with(propagation), true);
            }
            return work.run();
        });
    }

    /** Opens the calling thread's namespace of a kind. */
    public static Fd openSelf(Kind kind) throws LinuxException {
        return Fd.open(Path.of("/proc/thread-self/ns/" + kind.file), Fd.O_RDONLY);
    }

    /** Opens the namespace of a kind of another process. */
    public static Fd openOf(long pid, Kind kind) throws LinuxException {
        return Fd.open(Path.of("/proc/" + pid + "/ns/" + kind.file), Fd.O_RDONLY);
    }

    /** Opens a pinned namespace. */
    public static Fd open(Path pinned) throws LinuxException {
        return Fd.open(pinned, Fd.O_RDONLY);
    }

    /**
     * Keeps the calling thread's namespace of a kind alive by a mount, until {@link #unpin}. Not for MOUNT: a mount
     * namespace can't hold itself, pin it from outside with {@link #pin(Fd, Path)}.
     *
     * @param target the file to make; its directory exists
     * @throws LinuxException EEXIST if there is something of that name
     */
    public static void pin(Kind kind, Path target) throws IOException {
        try (Fd namespace = openSelf(kind)) {
            pin(namespace, target);
        }
    }

    /** Keeps an open namespace alive by a mount, until {@link #unpin}. Leaves nothing behind when it fails. */
    public static void pin(Fd namespace, Path target) throws IOException {
        Fd.open(target, Fd.O_RDONLY | Fd.O_CREAT | Fd.O_EXCL, 0444).close();
        try (DetachedMount mount = Mounts.bind(namespace, false)) {
            mount.moveTo(target);
        } catch (LinuxException e) {
            Files.deleteIfExists(target);
            throw e;
        }
    }

    /** Lets go of a pinned namespace and removes its file. Harmless if it is not pinned or not there. */
    public static void unpin(Path target) throws IOException {
        Mounts.unmountAll(target);
        Files.deleteIfExists(target);
    }

    static void unshare(int flags) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) UNSHARE.invokeExact(errno, flags);
            Native.check(result, errno, "unshare namespaces 0x" + Integer.toHexString(flags));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    private static void setns(Fd namespace) throws LinuxException {
        namespace.use();
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) SETNS.invokeExact(errno, namespace.number(), 0);
            Native.check(result, errno, "enter the namespace of descriptor " + namespace.number());
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        } finally {
            namespace.done();
        }
    }

    /** Only on a thread that does not share its working directory. */
    static void changeDirectory(Path directory) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            int result = (int) CHDIR.invokeExact(errno, memory.allocateFrom(directory.toString()));
            Native.check(result, errno, "change directory to " + directory);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }
}

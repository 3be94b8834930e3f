package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * A process that cannot be mistaken for another: its number may be used again, this handle never points elsewhere.
 *
 * <p>Waiting goes through {@link Poller}, so a virtual thread may wait. The exit status of a child is taken exactly once
 * ({@link #reap()}); that of another process is known only where the kernel keeps it (6.15), through
 * {@link #exitInfo()}.
 */
public final class Pidfd implements AutoCloseable {
    private static final int P_PIDFD = 3;
    private static final int WNOHANG = 1;
    private static final int WEXITED = 4;
    private static final int CLD_EXITED = 1;

    /** struct siginfo of a child, the same on x86-64 and arm64. */
    private static final int SIGINFO_BYTES = 128;

    private static final int SI_CODE = 8;
    private static final int SI_PID = 16;
    private static final int SI_STATUS = 24;

    /** {@code _IOWR(0xFF, 11, struct pidfd_info)} with the first published size, 64 bytes. */
    private static final long PIDFD_GET_INFO = 0xC040FF0BL;

    private static final long INFO_EXIT = 1 << 3;
    private static final int INFO_BYTES = 64;
    private static final int INFO_EXIT_CODE = 60;

    private static final MethodHandle PIDFD_OPEN = Native.syscall(434, Native.LONG, Native.LONG);
    private static final MethodHandle PIDFD_SEND_SIGNAL =
            Native.syscall(424, Native.LONG, Native.LONG, Native.LONG, Native.LONG);
    private static final MethodHandle PIDFD_GETFD = Native.syscall(438, Native.LONG, Native.LONG, Native.LONG);
    private static final MethodHandle WAITID =
            Native.withErrno("waitid", Native.INT, Native.INT, Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle IOCTL =
            Native.variadic("ioctl", 2, Native.INT, Native.INT, Native.LONG, Native.POINTER);

    private static final MethodHandle OPEN_TREE = Native.syscall(428, Native.LONG, Native.POINTER, Native.LONG);
    private static final MethodHandle MOVE_MOUNT =
            Native.syscall(429, Native.LONG, Native.POINTER, Native.LONG, Native.POINTER, Native.LONG);
    private static final int AT_FDCWD = -100;

    /** OPEN_TREE_CLONE, O_CLOEXEC and AT_EMPTY_PATH. */
    private static final long OPEN_TREE_FLAGS = 1 | Fd.O_CLOEXEC | 0x1000;

    private static final long MOVE_MOUNT_F_EMPTY_PATH = 4;

    private final int pid;
    private final Fd fd;

    private Pidfd(int pid, Fd fd) {
        this.pid = pid;
        this.fd = fd;
    }

    /**
     * Takes hold of a process.
     *
     * <p>For a child of this process that nobody reaps meanwhile this is exact. For another one the number may have been
     * used again since it was learnt: compare {@link ProcStat#startTime()} after opening.
     *
     * @throws LinuxException ESRCH if there is no such process
     */
    public static Pidfd open(int pid) throws LinuxException {
        long fd = Native.call(
                "pidfd_open " + pid, (memory, errno) -> (long) PIDFD_OPEN.invokeExact(errno, (long) pid, 0L));
        return new Pidfd(pid, Fd.own((int) fd));
    }

    /** The process id, in this process's view; it means this process only until it is reaped. */
    public int pid() {
        return pid;
    }

    /** The descriptor, for calls that take one; it stays this object's. */
    public Fd fd() {
        return fd;
    }

    /**
     * Sends a signal.
     *
     * @return false if the process has been reaped already
     */
    public boolean signal(int signal) throws LinuxException {
        fd.use();
        try {
            Native.call("send signal " + signal + " to process " + pid, (memory, errno) ->
                    (long) PIDFD_SEND_SIGNAL.invokeExact(errno, (long) fd.number(), (long) signal, 0L, 0L));
            return true;
        } catch (LinuxException e) {
            if (e.is(Errno.ESRCH)) {
                return false;
            }
            throw e;
        } finally {
            fd.done();
        }
    }

    /**
     * Waits until the process has ended; it is not reaped.
     *
     * @return false if the time is over
     */
    public boolean awaitExit(Duration limit) throws LinuxException, InterruptedException {
        return Poller.awaitReadable(fd, limit);
    }

    /**
     * Takes the exit status of a child that has ended, and lets its number go.
     *
     * @return empty if it is still running
     * @throws LinuxException ECHILD if it is no child of ours or somebody reaped it before
     */
    public Optional<ExitStatus> reap() throws LinuxException {
        fd.use();
        try {
            return waitid(P_PIDFD, fd.number(), pid);
        } finally {
            fd.done();
        }
    }

    /** waitid(2) without waiting. */
    static Optional<ExitStatus> waitid(int idType, int id, int pid) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = arena.allocate(SIGINFO_BYTES, 8);
            Native.call("wait for process " + pid, (memory, errno) ->
                    (int) WAITID.invokeExact(errno, idType, id, info, WEXITED | WNOHANG));
            return status(info);
        }
    }

    private static Optional<ExitStatus> status(MemorySegment info) {
        if (info.get(ValueLayout.JAVA_INT, SI_PID) == 0) {
            return Optional.empty();
        }
        int status = info.get(ValueLayout.JAVA_INT, SI_STATUS);
        return Optional.of(
                info.get(ValueLayout.JAVA_INT, SI_CODE) == CLD_EXITED
                        ? new ExitStatus(status & 0xff, 0)
                        : new ExitStatus(0, status & 0x7f));
    }

    /**
     * Waits for a child's end and takes its exit status.
     *
     * @return empty if the time is over
     * @throws LinuxException ECHILD if it is no child of ours or somebody reaped it before
     */
    public Optional<ExitStatus> awaitAndReap(Duration limit) throws LinuxException, InterruptedException {
        return awaitExit(limit) ? reap() : Optional.empty();
    }

    /**
     * What the kernel remembers of the end of a process that has been reaped, by whomever.
     *
     * @return empty if it was not reaped yet, or the kernel is older than 6.15
     */
    public Optional<ExitStatus> exitInfo() throws LinuxException {
        fd.use();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment info = arena.allocate(INFO_BYTES, 8);
            info.set(ValueLayout.JAVA_LONG, 0, INFO_EXIT);
            Native.call("ask for the exit of process " + pid, (memory, errno) ->
                    (int) IOCTL.invokeExact(errno, fd.number(), PIDFD_GET_INFO, info));
            return (info.get(ValueLayout.JAVA_LONG, 0) & INFO_EXIT) == 0
                    ? Optional.empty()
                    : Optional.of(ExitStatus.ofWaitStatus(info.get(ValueLayout.JAVA_INT, INFO_EXIT_CODE)));
        } catch (LinuxException e) {
            if (e.is(Errno.ENOTTY) || e.is(Errno.EINVAL) || e.is(Errno.ESRCH)) {
                return Optional.empty();
            }
            throw e;
        } finally {
            fd.done();
        }
    }

    /**
     * A descriptor of our own for what the process has open under a number.
     *
     * @throws LinuxException EBADF if it has nothing there; ESRCH if it has ended; EPERM if it may not be traced
     */
    public Fd getfd(int number) throws LinuxException {
        fd.use();
        try {
            return Fd.own((int) Native.call("take descriptor " + number + " of process " + pid, (memory, errno) ->
                    (long) PIDFD_GETFD.invokeExact(errno, (long) fd.number(), (long) number, 0L)));
        } finally {
            fd.done();
        }
    }

    /**
     * Mounts the process's own inode at a place, in the mount namespace of the calling thread: as long as it is mounted,
     * the kernel keeps how the process ended, whoever reaps it.
     *
     * @param pin an existing file
     * @return false if the kernel cannot (before 6.14)
     */
    public boolean pin(Path pin) throws LinuxException {
        fd.use();
        try (Fd tree = Fd.own((int) Native.call("clone the mount of process " + pid, (memory, errno) ->
                (long) OPEN_TREE.invokeExact(errno, (long) fd.number(), memory.allocateFrom(""), OPEN_TREE_FLAGS)))) {
            Native.call("pin process " + pid + " at " + pin, (memory, errno) -> (long) MOVE_MOUNT.invokeExact(
                    errno,
                    (long) tree.number(),
                    memory.allocateFrom(""),
                    (long) AT_FDCWD,
                    memory.allocateFrom(pin.toString()),
                    MOVE_MOUNT_F_EMPTY_PATH));
            return true;
        } catch (LinuxException e) {
            if (e.is(Errno.EINVAL)) {
                return false;
            }
            throw e;
        } finally {
            fd.done();
        }
    }

    /**
     * Takes hold of a process through the place where it was pinned: this works after the process has ended and been
     * reaped, and so {@link #exitInfo()} tells how.
     *
     * @param pid the number that the process had
     */
    public static Pidfd openPinned(Path pin, int pid) throws LinuxException {
        return new Pidfd(pid, Fd.open(pin, Fd.O_RDONLY));
    }

    /**
     * Takes over a descriptor of a process, as it was kept by a mount or sent by another process.
     *
     * @param pid the number that the process had
     */
    public static Pidfd ofFd(int pid, Fd fd) {
        return new Pidfd(pid, fd);
    }

    @Override
    public void close() {
        fd.close();
    }

    @Override
    public String toString() {
        return "process " + pid;
    }
}

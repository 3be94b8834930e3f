package dev.berth.linux;

import dev.berth.kernel.Disk;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The real disk. Syncs may take long: from a virtual thread they run on a platform thread.
 *
 * <p>A replacement is written beside its target as {@code .NAME.new}; what a crash leaves of it is overwritten by the
 * next one.
 */
public final class LinuxDisk implements Disk {
    private static final int LOCKS = 64;
    private static final int AT_FDCWD = -100;

    private static final MethodHandle FSYNC = Native.withErrno("fsync", Native.INT, Native.INT);
    private static final MethodHandle SYNCFS = Native.withErrno("syncfs", Native.INT, Native.INT);
    private static final MethodHandle RENAME = Native.withErrno("rename", Native.INT, Native.POINTER, Native.POINTER);
    private static final MethodHandle UNLINKAT =
            Native.withErrno("unlinkat", Native.INT, Native.INT, Native.POINTER, Native.INT);
    private static final int AT_REMOVEDIR = 0x200;

    /** Two replacements of one target share the name of the new file, so they take turns. */
    private final Lock[] turns = new Lock[LOCKS];

    public LinuxDisk() {
        for (int i = 0; i < LOCKS; i++) {
            turns[i] = new ReentrantLock();
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    @Override
    public void replace(Path target, byte[] bytes) throws IOException {
        Path absolute = target.toAbsolutePath();
        Path directory = parent(absolute);
        Path fresh = directory.resolve("." + absolute.getFileName() + ".new");
        onPlatformThread(() -> {
            Lock turn = turns[Math.floorMod(absolute.hashCode(), LOCKS)];
            turn.lock();
            try {
                removeQuietly(fresh); // a left-over may have another mode
                try (Fd file = Fd.open(fresh, Fd.O_WRONLY | Fd.O_CREAT | Fd.O_EXCL, 0600)) {
                    ByteBuffer content = ByteBuffer.wrap(bytes);
                    while (content.hasRemaining()) {
                        file.write(content);
                    }
                    flush(FSYNC, file, "sync " + fresh);
                } catch (LinuxException e) {
                    removeQuietly(fresh);
                    throw e;
                }
                renameNow(fresh, absolute);
            } finally {
                turn.unlock();
            }
            flush(directory);
        });
    }

    @Override
    public void beginSync(Path file) {
        try (Fd open = Fd.open(file, Fd.O_RDONLY)) {
            FileCalls.beginSync(open.number());
        } catch (LinuxException notThereAnyMore) {
            return;
        }
    }

    @Override
    public void sync(Path file) throws IOException {
        onPlatformThread(() -> {
            try (Fd open = Fd.open(file, Fd.O_RDONLY)) {
                flush(FSYNC, open, "sync " + file);
            }
        });
    }

    @Override
    public void syncDirectory(Path directory) throws IOException {
        onPlatformThread(() -> flush(directory));
    }

    @Override
    public void syncFilesystem(Path anywhereOnIt) throws IOException {
        try (Volume volume = volume(anywhereOnIt)) {
            volume.sync();
        }
    }

    @Override
    public Volume volume(Path anywhereOnIt) throws IOException {
        Fd open = Fd.open(anywhereOnIt, Fd.O_RDONLY | Fd.O_NONBLOCK);
        return new Volume() {
            @Override
            public void sync() throws IOException {
                onPlatformThread(() -> flush(SYNCFS, open, "sync the file system of " + anywhereOnIt));
            }

            @Override
            public void close() {
                open.close();
            }
        };
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        onPlatformThread(() -> {
            renameNow(from, to);
            Path source = parent(from.toAbsolutePath());
            Path target = parent(to.toAbsolutePath());
            flush(target);
            if (!source.equals(target)) {
                flush(source);
            }
        });
    }

    @Override
    public void move(Path from, Path to) throws IOException {
        renameNow(from, to);
    }

    @Override
    public void remove(Path path) throws IOException {
        try {
            unlink(path, 0);
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT)) {
                return;
            }
            if (!e.is(Errno.EISDIR)) {
                throw e;
            }
            unlink(path, AT_REMOVEDIR);
        }
    }

    private static Path parent(Path absolute) throws IOException {
        Path parent = absolute.getParent();
        if (parent == null) {
            throw new IOException("the root directory cannot be replaced or moved");
        }
        return parent;
    }

    private static void removeQuietly(Path path) throws LinuxException {
        try {
            unlink(path, 0);
        } catch (LinuxException e) {
            if (!e.is(Errno.ENOENT)) {
                throw e;
            }
        }
    }

    private static void flush(Path directory) throws LinuxException {
        try (Fd open = Fd.open(directory, Fd.O_RDONLY)) {
            flush(FSYNC, open, "sync " + directory);
        }
    }

    private static void flush(MethodHandle how, Fd open, String what) throws LinuxException {
        Native.call(what, (memory, errno) -> (int) how.invokeExact(errno, open.number()));
    }

    private static void renameNow(Path from, Path to) throws LinuxException {
        Native.call("rename " + from + " to " + to, (memory, errno) -> (int)
                RENAME.invokeExact(errno, memory.allocateFrom(from.toString()), memory.allocateFrom(to.toString())));
    }

    private static void unlink(Path path, int flags) throws LinuxException {
        Native.call("remove " + path, (memory, errno) ->
                (int) UNLINKAT.invokeExact(errno, AT_FDCWD, memory.allocateFrom(path.toString()), flags));
    }

    private static void onPlatformThread(Work work) throws IOException {
        try {
            Platform.<Object, IOException>call("disk", () -> {
                work.run();
                return work;
            });
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted at the disk").initCause(e);
        }
    }
}

package dev.berth.linux;

import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** Files that live in memory only. */
public final class Memfd {
    private static final int MFD_CLOEXEC = 1;
    private static final int MFD_ALLOW_SEALING = 2;
    private static final int MFD_EXEC = 0x10;
    private static final int F_ADD_SEALS = 1033;
    private static final int ALL_SEALS = 0x1 | 0x2 | 0x4 | 0x8; // seal, shrink, grow, write
    private static final int CHUNK_BYTES = 256 * 1024;

    private static final MethodHandle MEMFD_CREATE =
            Native.withErrno("memfd_create", Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle FCNTL =
            Native.variadic("fcntl", 2, Native.INT, Native.INT, Native.INT, Native.LONG);

    private Memfd() {}

    /**
     * Copies a program into memory and seals it, so that nobody can change it any more: run it as
     * {@link Fd#procPath()}. What runs from such a copy cannot be reached from a container through /proc/PID/exe.
     *
     * @param program a regular file; read in the mount namespace of the calling thread
     */
    public static Fd sealedCopy(Path program) throws LinuxException {
        String name = String.valueOf(program.getFileName());
        try (Fd source = Fd.open(program, Fd.O_RDONLY);
                Fd copy = create(name)) {
            ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
            while (source.read(chunk) >= 0) {
                chunk.flip();
                while (chunk.hasRemaining()) {
                    copy.write(chunk);
                }
                chunk.clear();
            }
            Native.call("seal the copy of " + program, (memory, errno) ->
                    (int) FCNTL.invokeExact(errno, copy.number(), F_ADD_SEALS, (long) ALL_SEALS));
            // What is open for writing cannot be executed ("text file busy"): keep a reading descriptor only.
            return Fd.open(copy.procPath(), Fd.O_RDONLY);
        }
    }

    private static Fd create(String name) throws LinuxException {
        try {
            return create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
        } catch (LinuxException e) {
            if (e.is(Errno.EINVAL)) { // before 6.3 every such file was executable and the flag unknown
                return create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
            }
            throw e;
        }
    }

    private static Fd create(String name, int flags) throws LinuxException {
        return Fd.own((int) Native.call("memfd_create " + name, (memory, errno) ->
                (int) MEMFD_CREATE.invokeExact(errno, memory.allocateFrom(name), flags)));
    }
}

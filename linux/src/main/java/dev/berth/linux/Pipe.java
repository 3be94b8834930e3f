package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * An anonymous pipe.
 *
 * @param reader the end to read from
 * @param writer the end to write to
 */
public record Pipe(Fd reader, Fd writer) implements AutoCloseable {
    private static final MethodHandle PIPE2 = Native.withErrno("pipe2", Native.INT, Native.POINTER, Native.INT);

    /** Makes one whose two ends do not wait. */
    public static Pipe open() throws LinuxException {
        return open(Fd.O_NONBLOCK);
    }

    /** Makes one whose two ends wait, as a child expects of its standard streams. */
    public static Pipe openBlocking() throws LinuxException {
        return open(0);
    }

    private static Pipe open(int flags) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment ends = memory.allocate(ValueLayout.JAVA_INT, 2);
            int result = (int) PIPE2.invokeExact(errno, ends, flags | Fd.O_CLOEXEC);
            Native.check(result, errno, "pipe");
            Fd[] pair = Fd.pair(ends);
            return new Pipe(pair[0], pair[1]);
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }

    @Override
    public void close() {
        reader.close();
        writer.close();
    }
}

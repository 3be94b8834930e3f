package dev.berth.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * How full a file system is, by statfs(2).
 *
 * @param type its magic number, {@code 0xef53} for ext4 and so on
 * @param totalBytes its size
 * @param freeBytes what nobody uses
 * @param availableBytes what an ordinary user may still use
 * @param totalInodes how many files it can have; 0 where there is no such limit
 * @param freeInodes how many more
 */
public record FileSystemStat(
        long type, long totalBytes, long freeBytes, long availableBytes, long totalInodes, long freeInodes) {
    public static final long OVERLAY = 0x794c7630L;

    private static final long BYTES = 256; // struct statfs is 120 bytes on 64-bit Linux

    private static final MethodHandle STATFS = Native.withErrno("statfs", Native.INT, Native.POINTER, Native.POINTER);

    /** Of the file system that a path is on. May block for long if that is a network file system. */
    public static FileSystemStat of(Path path) throws LinuxException {
        try (Arena memory = Arena.ofConfined()) {
            MemorySegment errno = Native.errno(memory);
            MemorySegment stat = memory.allocate(BYTES, 8);
            int result = (int) STATFS.invokeExact(errno, memory.allocateFrom(path.toString()), stat);
            Native.check(result, errno, "statfs " + path);
            long block = stat.get(Native.LONG, 8);
            return new FileSystemStat(
                    stat.get(Native.LONG, 0),
                    stat.get(Native.LONG, 16) * block,
                    stat.get(Native.LONG, 24) * block,
                    stat.get(Native.LONG, 32) * block,
                    stat.get(Native.LONG, 40),
                    stat.get(Native.LONG, 48));
        } catch (LinuxException e) {
            throw e;
        } catch (Throwable e) {
            throw Native.impossible(e);
        }
    }
}

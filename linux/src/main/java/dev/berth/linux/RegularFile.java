package dev.berth.linux;

import java.io.EOFException;
import java.nio.ByteBuffer;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** An open regular file. Not thread-safe. */
public final class RegularFile implements AutoCloseable {
    static final int SEEK_SET = 0;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;
    private static final long COPY_STEP = 1L << 30;
    private static final int BUFFER_BYTES = 1 << 18;

    private final Fd fd;

    RegularFile(Fd fd) {
        this.fd = fd;
    }

    /** The descriptor; it stays this object's. */
    public Fd fd() {
        return fd;
    }

    public FileStat stat() throws LinuxException {
        return Dir.statOf(fd);
    }

    /** Reads at the current offset; -1 at the end. */
    public int read(ByteBuffer buffer) throws LinuxException {
        return fd.read(buffer);
    }

    /** Writes all of the buffer at the current offset; a direct buffer saves a copy. */
    public void write(ByteBuffer buffer) throws LinuxException {
        while (buffer.hasRemaining()) {
            fd.write(buffer);
        }
    }

    /** Moves the offset at which the next read or write happens; beyond the end is allowed, a write then leaves a hole. */
    public void seek(long offset) throws LinuxException {
        FileCalls.lseek(fd.number(), offset, SEEK_SET);
    }

    /** Has the disk begin with what was written, so that a later sync finds less to wait for. Seldom waits. */
    public void beginSync() {
        FileCalls.beginSync(fd.number());
    }

    /** Sets the length; what is added is a hole. */
    public void truncate(long length) throws LinuxException {
        FileCalls.truncate(fd.number(), length);
    }

    /** Gives the blocks of a range back; it then reads as zeroes. */
    public void punchHole(long offset, long length) throws LinuxException {
        FileCalls.punchHole(fd.number(), offset, length);
    }

    public void chown(long uid, long gid) throws LinuxException {
        FileCalls.chown(fd.number(), FileCalls.ITSELF, uid, gid);
    }

    public void chmod(int mode) throws LinuxException {
        FileCalls.chmod(fd.number(), mode);
    }

    /** Sets times; null leaves one as it is. */
    public void setTimes(@Nullable Instant accessed, @Nullable Instant modified) throws LinuxException {
        FileCalls.setTimes(fd.number(), FileCalls.ITSELF, accessed, modified);
    }

    /**
     * Makes this new, empty file share the blocks of another one, where the file system can.
     *
     * @return whether it could
     */
    public boolean cloneOf(RegularFile other) throws LinuxException {
        try {
            FileCalls.cloneFrom(other.fd.number(), fd.number());
            return true;
        } catch (LinuxException e) {
            if (e.is(Errno.EOPNOTSUPP) || e.is(Errno.EXDEV) || e.is(Errno.EINVAL) || e.is(Errno.ENOTTY)) {
                return false;
            }
            throw e;
        }
    }

    /** Fills this new, empty file with the content of another one: shared blocks if possible, holes kept. */
    public void copyOf(RegularFile other) throws LinuxException, EOFException {
        if (cloneOf(other)) {
            return;
        }
        long size = other.stat().size();
        truncate(size);
        long data = 0;
        while (data < size) {
            data = other.nextData(data);
            if (data < 0) {
                return;
            }
            long hole = FileCalls.lseek(other.fd.number(), data, SEEK_HOLE);
            other.seek(data);
            seek(data);
            copy(other, hole - data);
            data = hole;
        }
    }

    /** Where data begins at or after an offset, or -1 if only a hole follows. */
    private long nextData(long offset) throws LinuxException {
        try {
            return FileCalls.lseek(fd.number(), offset, SEEK_DATA);
        } catch (LinuxException e) {
            if (e.is(Errno.ENXIO)) {
                return -1;
            }
            throw e;
        }
    }

    /** From one kind of file system to another the kernel does not copy: then we do. */
    private void copy(RegularFile other, long length) throws LinuxException, EOFException {
        long left = length;
        while (left > 0) {
            long n;
            try {
                n = FileCalls.copyRange(other.fd.number(), fd.number(), Math.min(left, COPY_STEP));
            } catch (LinuxException e) {
                if (e.is(Errno.EXDEV) || e.is(Errno.EOPNOTSUPP) || e.is(Errno.EINVAL) || e.is(Errno.ENOSYS)) {
                    copyBytes(other, left);
                    return;
                }
                throw e;
            }
            left -= notZero(n);
        }
    }

    private void copyBytes(RegularFile other, long length) throws LinuxException, EOFException {
        ByteBuffer buffer = ByteBuffer.allocateDirect((int) Math.min(length, BUFFER_BYTES));
        long left = length;
        while (left > 0) {
            buffer.clear().limit((int) Math.min(left, buffer.capacity()));
            left -= notZero(Math.max(0, other.read(buffer)));
            write(buffer.flip());
        }
    }

    private static long notZero(long copied) throws EOFException {
        if (copied == 0) {
            throw new EOFException("the file became shorter while it was copied");
        }
        return copied;
    }

    @Override
    public void close() {
        fd.close();
    }
}

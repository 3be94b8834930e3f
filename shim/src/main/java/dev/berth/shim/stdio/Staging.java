package dev.berth.shim.stdio;

import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Tee;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The place between a pipe and a log: a file that makes a pump lose nothing and repeat nothing when it is killed.
 *
 * <p>Bytes come into the file by splice(2), inside the kernel: each is at any moment either in the pipe or in the file, and
 * the length of the file tells how many came. Before the log is written, the file says where and with which time; so the
 * next supervisor can make the same write again, byte for byte, at the same place. Three states follow one another, each set
 * by one small write:
 *
 * <pre>
 * READY    the staged bytes, if any, are to be written; nothing of them is in the log
 * INTENT   they are being written to the place that the intent names; perhaps some are there
 * WRITTEN  all are in the log; the staged bytes are to be dropped
 * </pre>
 *
 * <p>The beginning of a line whose end has not come yet waits here too. Two slots take turns: one holds what waits now, the
 * other the intent and what will wait after it.
 *
 * <p>This survives the death of the process, not of the machine, with which the containers die as well. If the disk of the
 * state directory is full, a chunk goes through memory instead. Not thread-safe.
 */
final class Staging implements AutoCloseable {
    private static final int PAGE = 4096;
    private static final int SLOT_BYTES = PAGE + CriLines.LINE_BYTES;
    private static final int DATA_AT = PAGE + 2 * SLOT_BYTES;
    private static final long VERSION = 1;

    /** Two long numbers at the start: the version of this layout, and the state with the slot that is in force. */
    private static final int STATE_AT = 8;

    private static final int READY = 0;
    private static final int INTENT = 1;
    private static final int WRITTEN = 2;

    /**
     * Where the staged bytes go.
     *
     * @param log the file, with the length that it had: the place of the first byte
     * @param time of the first line
     * @param last nothing comes after these bytes
     */
    record Intent(Fd.Stamp log, Instant time, boolean last) {}

    private final Fd file;
    private final ByteBuffer page = ByteBuffer.allocateDirect(PAGE);
    private int state;
    private int slot;
    private int staged;
    private byte[] waiting = new byte[0];
    private @Nullable Intent unfinished;

    private Staging(Fd file) {
        this.file = file;
    }

    /** Opens what an earlier pump left, or makes it. */
    static Staging open(Path path) throws IOException {
        Staging staging = new Staging(Fd.open(path, Fd.O_RDWR | Fd.O_CREAT, 0600));
        try {
            if (staging.file.stamp().size() < DATA_AT) {
                staging.format();
            } else {
                staging.load();
            }
            return staging;
        } catch (IOException | RuntimeException e) {
            staging.close();
            throw e;
        }
    }

    private void format() throws LinuxException {
        file.truncate(0);
        for (int part = 0; part < 2; part++) { // now, so that the room is there when it is needed
            file.writeAt(page.clear(), slotAt(part));
        }
        page.clear().putLong(0, VERSION);
        file.writeAt(page, 0);
        file.truncate(DATA_AT);
    }

    private void load() throws IOException {
        readPage(0);
        if (page.getLong(0) != VERSION) {
            throw new IOException("the file of a pump has version " + page.getLong(0) + ", not " + VERSION);
        }
        long word = page.getLong(STATE_AT);
        state = (int) (word & 0xff);
        slot = (int) (word >>> 8);
        staged = (int) (file.stamp().size() - DATA_AT);
        if (state == INTENT) {
            unfinished = readIntent(1 - slot);
        }
        waiting = readWaiting(state == WRITTEN ? 1 - slot : slot);
        if (state == WRITTEN) {
            forget();
        }
    }

    /** Whether there is something that an earlier pump took and did not bring to its end. */
    boolean isHalfDone() {
        return staged > 0 || unfinished != null;
    }

    /** Whether the beginning of a line waits for its end. */
    boolean isMidLine() {
        return waiting.length > 0;
    }

    /** How long the beginning of a line is that waits for its end. */
    int waitingBytes() {
        return waiting.length;
    }

    /** The write that an earlier pump began and may not have ended; it is to be made again. */
    @Nullable
    Intent unfinished() {
        return unfinished;
    }

    /**
     * Takes bytes from the pipe; only while nothing is half done.
     *
     * @return how many bytes there are now in the buffers, with those that waited before; 0 if none came; -1 if none came
     *     and there is no writer any more
     */
    int take(Fd pipe, Buffers buffers) throws IOException {
        int n;
        try {
            n = Tee.spliceAt(pipe, file, DATA_AT, Buffers.CHUNK_BYTES);
        } catch (LinuxException e) {
            if (isFull(e)) {
                return takeUnprotected(pipe, buffers);
            }
            throw e;
        }
        if (n <= 0) {
            return n;
        }
        staged = n;
        return fill(buffers);
    }

    private int takeUnprotected(Fd pipe, Buffers buffers) throws LinuxException {
        int n = pipe.read(buffers.in.clear());
        if (n > 0) {
            buffers.in.flip().get(buffers.bytes, putWaiting(buffers), n);
            return waiting.length + n;
        }
        return n;
    }

    /** Puts what waits and what is staged into the buffers, and returns how many bytes these are. */
    int fill(Buffers buffers) throws IOException {
        int from = putWaiting(buffers);
        int done = 0;
        while (done < staged) {
            ByteBuffer through = buffers.in.clear();
            through.limit(Math.min(through.capacity(), staged - done));
            int n = file.readAt(through, DATA_AT + (long) done);
            if (n < 0) {
                throw new IOException("the file of a pump is shorter than it was");
            }
            through.flip().get(buffers.bytes, from + done, n);
            done += n;
        }
        return from + done;
    }

    private int putWaiting(Buffers buffers) {
        System.arraycopy(waiting, 0, buffers.bytes, 0, waiting.length);
        return waiting.length;
    }

    /**
     * Says where the bytes go, before they do. If the disk is full they go unprotected.
     *
     * @param rest what will wait after this
     */
    void begin(Intent intent, byte[] rest) throws LinuxException {
        try {
            long at = slotAt(1 - slot);
            for (int done = 0; done < rest.length; done += PAGE) {
                page.clear().put(rest, done, Math.min(PAGE, rest.length - done));
                file.writeAt(page.flip(), at + PAGE + done);
            }
            Instant time = intent.time();
            page.clear()
                    .putLong(intent.log().device())
                    .putLong(intent.log().inode())
                    .putLong(intent.log().size())
                    .putLong(time.getEpochSecond())
                    .putInt(time.getNano())
                    .putInt(intent.last() ? 1 : 0)
                    .putInt(rest.length);
            file.writeAt(page.flip(), at);
            set(INTENT, slot);
        } catch (LinuxException e) {
            if (!isFull(e)) {
                throw e;
            }
        }
    }

    /**
     * The bytes are in the log, or given up.
     *
     * @param rest what waits from now on
     */
    void finish(byte[] rest) throws LinuxException {
        unfinished = null;
        waiting = rest;
        if (state == INTENT) {
            set(WRITTEN, slot);
        }
        forget();
    }

    /** Drops the staged bytes, and puts in force what waits after them. */
    private void forget() throws LinuxException {
        if (staged > 0) {
            file.truncate(DATA_AT);
            staged = 0;
        }
        if (state == WRITTEN) {
            set(READY, 1 - slot);
        }
    }

    private static long slotAt(int which) {
        return PAGE + (long) which * SLOT_BYTES;
    }

    private void set(int next, int slotInForce) throws LinuxException {
        page.clear().putLong((long) slotInForce << 8 | next);
        file.writeAt(page.flip(), STATE_AT); // eight bytes in one page: all or none
        state = next;
        slot = slotInForce;
    }

    private byte[] readWaiting(int which) throws LinuxException {
        long at = slotAt(which);
        readPage(at);
        int length = Math.clamp(page.getInt(4 * Long.BYTES + 2 * Integer.BYTES), 0, CriLines.LINE_BYTES);
        byte[] bytes = new byte[length];
        for (int done = 0; done < length; done += PAGE) {
            readPage(at + PAGE + done);
            page.get(0, bytes, done, Math.min(PAGE, length - done));
        }
        return bytes;
    }

    private Intent readIntent(int which) throws LinuxException {
        readPage(slotAt(which));
        page.position(0);
        Fd.Stamp log = new Fd.Stamp(page.getLong(), page.getLong(), page.getLong());
        Instant time = Instant.ofEpochSecond(page.getLong(), page.getInt());
        return new Intent(log, time, page.getInt() == 1);
    }

    private void readPage(long at) throws LinuxException {
        page.clear();
        int n = file.readAt(page, at);
        while (n > 0 && page.hasRemaining()) {
            n = file.readAt(page, at + page.position());
        }
    }

    /** Whether a file system, or what one may have of it, is full. */
    static boolean isFull(LinuxException e) {
        return e.is(Errno.ENOSPC) || e.is(Errno.EDQUOT) || e.is(Errno.EFBIG);
    }

    @Override
    public void close() {
        file.close();
    }
}

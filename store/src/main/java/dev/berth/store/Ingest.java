package dev.berth.store;

import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A blob on its way into the store. What is written stays when this is closed, when the process is killed, or when a
 * connection breaks: the next {@link Blobs#begin} with the same reference goes on at {@link #offset()}.
 *
 * <p>Appending, hashing and committing happen on the caller's thread: give it a platform thread. {@link #close()} and {@link
 * #abort()} may come from any thread and end a write that is under way.
 */
public final class Ingest implements AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 18;
    private static final long SYNC_STEP_BYTES = 8 << 20;

    private final Blobs blobs;
    private final IngestFiles files;
    private final Blobs.Wanted wanted;
    private final FileChannel data;
    private final MessageDigest hasher;
    private volatile boolean resumed;
    private final CountDownLatch ended = new CountDownLatch(1);
    private final ReentrantLock lock = new ReentrantLock();
    private volatile long offset;

    private Ingest(Blobs blobs, IngestFiles files, Blobs.Wanted wanted, FileChannel data) {
        this.blobs = blobs;
        this.files = files;
        this.wanted = wanted;
        this.data = data;
        this.hasher = hasherFor(wanted);
    }

    /** Opens the file without looking at what is there; {@link #resume()} follows. */
    static Ingest open(Blobs blobs, IngestFiles files, Blobs.Wanted wanted) throws IOException {
        return new Ingest(blobs, files, wanted, files.openData());
    }

    /** Goes on with what is there: the hash of it is made anew. */
    void resume() throws IOException {
        lock.lock();
        try {
            if (data.size() > wanted.size().orElse(Long.MAX_VALUE)) {
                data.truncate(0); // it is not what it claims to be
            }
            offset = hash(data, hasher);
            resumed = offset > 0;
        } catch (IOException e) {
            close();
            throw e;
        } finally {
            lock.unlock();
        }
    }

    public String ref() {
        return files.ref();
    }

    /** How many bytes are there; the next write goes here. */
    public long offset() {
        return offset;
    }

    /** Whether there were bytes already when it was begun. */
    public boolean resumed() {
        return resumed;
    }

    /**
     * Appends all that remains in the buffer.
     *
     * @throws Fault OUT_OF_RANGE if it is more than the size wanted; RESOURCE_EXHAUSTED if the disk is full; CANCELLED if the
     *     ingest was closed or aborted
     */
    public void write(ByteBuffer bytes) {
        lock.lock();
        try {
            checkRoom(bytes.remaining());
            ByteBuffer written = bytes.duplicate();
            while (bytes.hasRemaining()) {
                data.write(bytes, offset + bytes.position() - written.position());
            }
            long end = offset + written.remaining();
            hasher.update(written);
            if (end / SYNC_STEP_BYTES != offset / SYNC_STEP_BYTES) {
                blobs.beginSync(files); // the disk works while the rest comes
            }
            offset = end;
        } catch (IOException e) {
            throw failed("write", e);
        } finally {
            lock.unlock();
        }
    }

    /** As {@link #write(ByteBuffer)}. */
    public void write(byte[] bytes, int from, int length) {
        write(ByteBuffer.wrap(bytes, from, length));
    }

    /** Throws away what is there and begins again from zero. */
    public void restart() {
        lock.lock();
        try {
            data.truncate(0);
            offset = 0;
            hasher.reset();
        } catch (IOException e) {
            throw failed("restart", e);
        } finally {
            lock.unlock();
        }
    }

    /** Puts the blob into the store if it is what was wanted when the ingest was begun. */
    public Commit commit() {
        return commit(wanted);
    }

    /** Puts the blob into the store if it is what is wanted now. */
    public Commit commit(Blobs.Wanted now) {
        lock.lock();
        try {
            if (ended.getCount() == 0) {
                throw Fault.precondition("commit ingest " + ref(), "it is over", "");
            }
            data.truncate(offset); // a write that failed may have left a part
            return blobs.commit(this, now);
        } catch (IOException e) {
            throw failed("commit", e);
        } finally {
            lock.unlock();
            close();
        }
    }

    /** Ends it and keeps what is there for the next one with this reference. Does nothing if it has ended. */
    @Override
    public void close() {
        try {
            data.close(); // ends a write under way
        } catch (IOException e) {
            throw failed("close", e);
        } finally {
            blobs.ended(this);
            ended.countDown();
        }
    }

    /** Ends it and throws away what is there. Does nothing if it has ended. */
    public void abort() {
        blobs.abort(this);
    }

    CountDownLatch ended() {
        return ended;
    }

    IngestFiles files() {
        return files;
    }

    Blobs.Wanted wanted() {
        return wanted;
    }

    /** The digest of what is there so far, in the algorithm that was wanted at the beginning. */
    public Digest digest() {
        lock.lock();
        try {
            MessageDigest copy = (MessageDigest) hasher.clone();
            return wanted.digest().map(digest -> digest.finish(copy)).orElseGet(() -> Digest.sha256(copy));
        } catch (CloneNotSupportedException e) {
            throw Fault.internal("hash ingest " + ref(), "this Java's hashes cannot be copied", "")
                    .causedBy(e);
        } finally {
            lock.unlock();
        }
    }

    /** The digest of what is there, in the algorithm wanted. */
    Digest digest(Blobs.Wanted now) throws IOException {
        MessageDigest asked = hasherFor(now);
        if (asked.getAlgorithm().equals(hasher.getAlgorithm())) {
            asked = hasher;
        } else {
            hash(data, asked); // nobody said so when it was begun
        }
        MessageDigest complete = asked;
        return now.digest().map(digest -> digest.finish(complete)).orElseGet(() -> Digest.sha256(complete));
    }

    private static MessageDigest hasherFor(Blobs.Wanted wanted) {
        return wanted.digest().map(Digest::hasher).orElseGet(Digest::sha256Hasher);
    }

    private void checkRoom(int more) {
        if (ended.getCount() == 0) {
            throw Fault.of(Fault.Code.CANCELLED, "write ingest " + ref(), "it was closed", "");
        }
        long limit = wanted.size().orElse(Long.MAX_VALUE);
        if (more > limit - offset) {
            throw Fault.of(
                    Fault.Code.OUT_OF_RANGE,
                    "write ingest " + ref(),
                    "there are more than the " + limit + " bytes that were announced",
                    "");
        }
    }

    private Fault failed(String what, IOException e) {
        if (e instanceof java.nio.channels.ClosedChannelException) {
            return Fault.of(Fault.Code.CANCELLED, what + " ingest " + ref(), "it was closed", "")
                    .causedBy(e);
        }
        return DiskFault.of(what + " ingest " + ref(), e);
    }

    /** Hashes a file from its start and returns its length. */
    static long hash(FileChannel file, MessageDigest hasher) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(BUFFER_BYTES, Math.max(1, file.size())));
        long position = 0;
        while (file.read(buffer, position) > 0) {
            position += buffer.position();
            hasher.update(buffer.flip());
            buffer.clear();
        }
        return position;
    }
}

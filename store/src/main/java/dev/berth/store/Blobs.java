package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;

/**
 * Content by its digest.
 *
 * <p>The way of a blob: {@link #begin} an ingest, write, {@link Ingest#commit()}: from now on it can be read here. Then, once
 * for any number of blobs, {@link #flush()}: from now on it survives a power loss, and a record may name it. A blob that
 * was not flushed before a crash is an unfinished ingest afterwards; its next ingest finds the bytes and checks them.
 */
public final class Blobs {

    /** How much there is. */
    public record Usage(long blobs, long bytes) {}

    /** What an ingest is expected to bring, as far as it is known. */
    public record Wanted(Optional<Digest> digest, OptionalLong size) {
        /** Anything. */
        public static final Wanted ANYTHING = new Wanted(Optional.empty(), OptionalLong.empty());

        public static Wanted of(Digest digest, long size) {
            return new Wanted(Optional.of(digest), OptionalLong.of(size));
        }

        public static Wanted of(Descriptor descriptor) {
            return of(descriptor.digest(), descriptor.size());
        }

        boolean isSameBlobAs(Wanted other) {
            return digest.isPresent() && digest.equals(other.digest);
        }
    }

    /**
     * What a client says of an ingest of its own.
     *
     * @param total bytes that it means to write, 0 if it does not know; nobody is held to it
     * @param leased whether a lease held it from its beginning: it goes with its last lease then
     */
    public record Announced(long total, boolean leased) {
        static final Announced NOTHING = new Announced(0, false);
    }

    /**
     * An ingest that is under way or was interrupted.
     *
     * @param offset bytes that are there
     * @param updatedAt when the last of them was written
     */
    public record Status(
            String ref, long offset, Wanted wanted, Announced announced, Instant startedAt, Instant updatedAt) {}

    /** How the beginning of an ingest went. */
    public sealed interface Begin {
        /** Go on and write. */
        record Writing(Ingest ingest) implements Begin {}

        /** The blob is in the store already. */
        record AlreadyThere(Blob blob) implements Begin {}

        /** Somebody else in this process writes under this reference, or writes this digest. */
        record Busy(Ingest other) implements Begin {
            /** How far the other one is, in bytes. */
            public long offset() {
                return other.offset();
            }

            /**
             * Waits for the other one to end, however it does; begin again afterwards.
             *
             * @return whether it ended in time
             * @throws InterruptedException if the thread is interrupted
             */
            public boolean await(Duration limit) throws InterruptedException {
                return other.ended().await(limit.toNanos(), TimeUnit.NANOSECONDS);
            }
        }
    }

    /** An open blob. It stays readable while it is open, even if it is deleted meanwhile. */
    public static final class Reader implements AutoCloseable {
        private final Blob blob;
        private final FileChannel channel;

        Reader(Blob blob, FileChannel channel) {
            this.blob = blob;
            this.channel = channel;
        }

        public Blob blob() {
            return blob;
        }

        /** Bytes. */
        public long size() {
            return blob.size();
        }

        /** The file, positioned at its start; closed with this object. */
        public FileChannel channel() {
            return channel;
        }

        /** The bytes from the channel's position on. */
        public InputStream stream() {
            return Channels.newInputStream(channel);
        }

        /**
         * Reads at an offset without moving the channel.
         *
         * @return how many bytes were read; -1 at the end
         */
        public int read(ByteBuffer into, long offset) {
            try {
                return channel.read(into, offset);
            } catch (IOException e) {
                throw DiskFault.of("read blob " + blob.digest(), e);
            }
        }

        /**
         * Closes the file.
         *
         * @throws Fault UNAVAILABLE if the file system fails
         */
        @Override
        public void close() {
            try {
                channel.close();
            } catch (IOException e) {
                throw DiskFault.of("close blob " + blob.digest(), e);
            }
        }
    }

    private final Layout layout;
    private final Disk disk;
    private final InstantSource clock;
    private final BlobFiles committed;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, Ingest> writing = new HashMap<>();

    Blobs(Layout layout, Disk disk, InstantSource clock) throws IOException {
        this.layout = layout;
        this.disk = disk;
        this.clock = clock;
        this.committed = new BlobFiles(layout, disk);
    }

    void close() {
        committed.close();
    }

    /**
     * Begins an ingest, or goes on with one that was interrupted. What is there already is hashed again, on this thread.
     *
     * @param ref names the ingest; one writer at a time
     * @throws Fault INVALID_ARGUMENT if the blob is in the store with another size than is wanted
     */
    public Begin begin(String ref, Wanted wanted) {
        return begin(ref, wanted, Announced.NOTHING);
    }

    /** The same for a client; what is there is thrown away if another total was announced for it. */
    public Begin begin(String ref, Wanted wanted, Announced announced) {
        Names.check("ingest", ref);
        Optional<Blob> there = wanted.digest().flatMap(this::find);
        if (there.isPresent()) {
            return new Begin.AlreadyThere(sameSize(there.get(), wanted));
        }
        if (committed.isUnflushed(ref)) {
            flush(); // the directory of the reference is needed again
        }
        try {
            Begin begin = reserve(ref, wanted, announced);
            if (begin instanceof Begin.Writing(var ingest)) {
                ingest.resume();
            }
            return begin;
        } catch (IOException e) {
            throw DiskFault.of("begin ingest " + ref, e);
        }
    }

    /** The reference of an ingest of a client, which calls it by this name; clients of other namespaces may use the same. */
    public static String ref(Namespace namespace, String name) {
        return refs(namespace) + name;
    }

    /** How the references of a namespace's clients begin. */
    public static String refs(Namespace namespace) {
        return "of " + namespace.name() + ": ";
    }

    /** Stores bytes that are at hand, unless they are there. As after a commit, {@link #flush()} makes them last. */
    public Blob put(byte[] content) {
        return put(content, Digest.of(content));
    }

    /**
     * The same under a digest of another algorithm.
     *
     * @throws Fault FAILED_PRECONDITION if it is not that of the bytes
     */
    public Blob put(byte[] content, Digest digest) {
        while (true) {
            switch (begin("put " + digest, Wanted.of(digest, content.length))) {
                case Begin.AlreadyThere(var info) -> {
                    return info;
                }
                case Begin.Busy busy -> Waiting.uninterrupted(() -> busy.await(Duration.ofSeconds(1)));
                case Begin.Writing(var ingest) -> {
                    try (ingest) {
                        ingest.restart();
                        ingest.write(content, 0, content.length);
                        if (ingest.commit() instanceof Commit.WrongDigest(var wanted, var got)) {
                            throw Fault.precondition("store " + wanted, "the digest of the bytes is " + got, "");
                        }
                    }
                }
            }
        }
    }

    /** What is known of a blob. */
    public Optional<Blob> find(Digest digest) {
        return committed.find(digest);
    }

    /**
     * What is known of a blob that is there.
     *
     * @throws Fault NOT_FOUND
     */
    public Blob info(Digest digest) {
        return find(digest).orElseThrow(() -> notFound(digest));
    }

    /**
     * Opens a blob for reading.
     *
     * @throws Fault NOT_FOUND
     */
    public Reader open(Digest digest) {
        return committed.open(digest).orElseThrow(() -> notFound(digest));
    }

    /**
     * A small blob as a whole, its digest checked once more.
     *
     * @throws Fault NOT_FOUND; OUT_OF_RANGE if it is larger than the limit; DATA_LOSS if its bytes have changed on disk
     */
    public byte[] read(Digest digest, int maxBytes) {
        try (Reader reader = open(digest)) {
            if (reader.size() > maxBytes) {
                throw Fault.of(
                        Fault.Code.OUT_OF_RANGE,
                        "read blob " + digest,
                        "it has " + reader.size() + " bytes, more than " + maxBytes,
                        "");
            }
            byte[] bytes = reader.stream().readAllBytes();
            if (!digest.matches(bytes)) {
                throw Fault.of(
                        Fault.Code.DATA_LOSS,
                        "read blob " + digest,
                        "its bytes have changed on disk",
                        "Stop the daemon and run berth check --repair, then pull the image again");
            }
            return bytes;
        } catch (IOException e) {
            throw DiskFault.of("read blob " + digest, e);
        }
    }

    /** Every blob, in no order. */
    public List<Blob> list() {
        return committed.list();
    }

    /** The total: counted once, then kept up. */
    public Usage usage() {
        return committed.usage();
    }

    /**
     * Deletes a blob and says whether it was there. Who has it open can go on reading. Not flushed: after a power loss it may
     * be back.
     */
    public boolean delete(Digest digest) {
        try {
            return committed.delete(digest);
        } catch (IOException e) {
            throw DiskFault.of("delete blob " + digest, e);
        }
    }

    void beginSync(IngestFiles files) {
        disk.beginSync(files.data());
    }

    /**
     * Makes every blob committed so far survive a power loss. One sync serves them all; nothing happens if there are none.
     *
     * @throws Fault UNAVAILABLE or RESOURCE_EXHAUSTED if the disk refuses; then these blobs are gone, since nobody knows which
     *     of their bytes are on disk
     */
    public void flush() {
        committed.flush(false);
    }

    /** As {@link #flush()}, and for everything else on the file system of the root. */
    void flushFilesystem() {
        committed.flush(true);
    }

    /** The ingests that are under way or were interrupted. */
    public List<Status> ingests() {
        List<Status> found = new ArrayList<>();
        for (Path directory : BlobFiles.entries(layout.ingests())) {
            IngestFiles.status(directory)
                    .filter(status -> !committed.isUnflushed(status.ref()))
                    .ifPresent(found::add);
        }
        return found;
    }

    /** What is known of an ingest that is under way or was interrupted. */
    public Optional<Status> findIngest(String ref) {
        return IngestFiles.of(layout, ref).status().filter(status -> !committed.isUnflushed(ref));
    }

    /**
     * Ends an ingest, if it is under way, and throws away what it has.
     *
     * @throws Fault NOT_FOUND if there is none
     */
    public void abort(String ref) {
        discard(ref, _ -> true);
    }

    /** Never by its reference alone: somebody else may have begun with that one. */
    void abort(Ingest ingest) {
        lock.lock();
        try {
            if (writing.get(ingest.ref()) == ingest) {
                abort(ingest.ref());
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Throws away what an ingest has, unless somebody writes it or has begun it since.
     *
     * @param since as {@link Status#startedAt}
     * @throws Fault NOT_FOUND if there is none
     */
    public void abandon(String ref, Instant since) {
        discard(
                ref,
                files -> !writing.containsKey(ref)
                        && files.status()
                                .filter(it -> it.startedAt().isAfter(since))
                                .isEmpty());
    }

    private void discard(String ref, Predicate<IngestFiles> whether) {
        IngestFiles files = IngestFiles.of(layout, ref);
        lock.lock();
        try {
            requireThere(files);
            if (whether.test(files)) {
                Ingest open = writing.get(ref);
                if (open != null) {
                    open.close();
                }
                files.remove(disk);
            }
        } catch (IOException e) {
            throw DiskFault.of("abort ingest " + ref, e);
        } finally {
            lock.unlock();
        }
    }

    private void requireThere(IngestFiles files) {
        if (!Files.exists(files.directory()) || committed.isUnflushed(files.ref())) {
            throw Fault.notFound("ingest " + files.ref(), "there is none", "");
        }
    }

    /** Called by the ingest, whose lock is held. */
    Commit commit(Ingest ingest, Wanted wanted) throws IOException {
        IngestFiles files = ingest.files();
        long size = ingest.offset();
        if (wanted.size().isPresent() && wanted.size().getAsLong() != size) {
            files.remove(disk);
            return new Commit.WrongSize(wanted.size().getAsLong(), size);
        }
        Digest digest = ingest.digest(wanted);
        if (wanted.digest().isPresent() && !wanted.digest().get().equals(digest)) {
            files.remove(disk);
            return new Commit.WrongDigest(wanted.digest().get(), digest);
        }
        Optional<Blob> there = hand(ingest, digest);
        if (there.isPresent()) {
            files.remove(disk);
            return new Commit.AlreadyThere(there.get());
        }
        return new Commit.Stored(info(digest));
    }

    /** From here on the files are a blob's: who ended the ingest before may have taken them, who comes later may not. */
    private Optional<Blob> hand(Ingest ingest, Digest digest) throws IOException {
        lock.lock();
        try {
            if (writing.get(ingest.ref()) != ingest) {
                throw Fault.of(Fault.Code.CANCELLED, "commit ingest " + ingest.ref(), "it was closed", "");
            }
            return committed.add(digest, ingest.files());
        } finally {
            lock.unlock();
        }
    }

    /** Called by the ingest when it has ended, however. */
    void ended(Ingest ingest) {
        lock.lock();
        try {
            writing.remove(ingest.ref(), ingest);
        } finally {
            lock.unlock();
        }
    }

    private Begin reserve(String ref, Wanted wanted, Announced announced) throws IOException {
        lock.lock();
        try {
            Optional<Blob> there = wanted.digest().flatMap(this::find);
            if (there.isPresent()) {
                return new Begin.AlreadyThere(sameSize(there.get(), wanted));
            }
            for (Ingest other : writing.values()) {
                if (other.ref().equals(ref) || other.wanted().isSameBlobAs(wanted)) {
                    return new Begin.Busy(other);
                }
            }
            IngestFiles files = IngestFiles.of(layout, ref);
            files.create(wanted, announced, clock.instant());
            Ingest ingest = Ingest.open(this, files, wanted);
            writing.put(ref, ingest);
            return new Begin.Writing(ingest);
        } finally {
            lock.unlock();
        }
    }

    private static Blob sameSize(Blob there, Wanted wanted) {
        if (wanted.size().isPresent() && wanted.size().getAsLong() != there.size()) {
            throw Fault.invalid(
                    "begin ingest of " + there.digest(),
                    "it is said to have " + wanted.size().getAsLong() + " bytes, and has " + there.size(),
                    "Correct the descriptor; if the blob itself is damaged, run berth check --repair");
        }
        return there;
    }

    private static Fault notFound(Digest digest) {
        return Fault.notFound("blob " + digest, "it is not in the store", "");
    }
}

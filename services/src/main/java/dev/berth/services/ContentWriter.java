package dev.berth.services;

import dev.berth.images.Images;
import dev.berth.images.Keeping;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Digest;
import dev.berth.store.Blob;
import dev.berth.store.Blobs;
import dev.berth.store.Commit;
import dev.berth.store.Durability;
import dev.berth.store.Ingest;
import dev.berth.store.Leases;
import dev.berth.store.Store;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * One blob on its way into a namespace. If another namespace has it already nothing needs to be sent: the writer stands at its end,
 * and a commit adds it to this namespace; one who writes all the same gets bytes of his own. For one thread at a time, which hashes.
 */
final class ContentWriter implements AutoCloseable {
    /** For whom it is written. */
    record Owner(Namespace namespace, LeaseOfCall lease) {}

    /**
     * What is to be written.
     *
     * @param total bytes; 0 if not known
     */
    record Wish(String ref, long total, Optional<Digest> expected) {}

    /** Since when bytes have been coming, and when the last ones came. */
    record Times(Instant startedAt, Instant updatedAt) {}

    private static final int COPY_BYTES = 1 << 18;

    private final Store store;
    private final Images images;
    private final Namespace namespace;
    private final LeaseOfCall lease;
    private final String ref;
    private final long total;
    private final Instant opened;
    private @Nullable Ingest ingest;
    private @Nullable Blob shared;

    private ContentWriter(Store store, Images images, Owner owner, String ref, long total, Instant opened) {
        this.opened = opened;
        this.store = store;
        this.images = images;
        this.namespace = owner.namespace();
        this.lease = owner.lease();
        this.ref = ref;
        this.total = total;
    }

    /**
     * Begins, or goes on with what was interrupted, unless that was to have another total.
     *
     * @param now the time, for who need send nothing
     * @throws Fault ALREADY_EXISTS if the namespace has what is expected; UNAVAILABLE if another writes under this reference
     */
    static ContentWriter open(Store store, Images images, Owner owner, Wish wish, Instant now) {
        String ref = wish.ref();
        long total = wish.total();
        Optional<Digest> expected = wish.expected();
        var writer = new ContentWriter(store, images, owner, ref, total, now);
        Namespace namespace = owner.namespace();
        LeaseOfCall lease = owner.lease();
        if (expected.isPresent()) {
            writer.refuseIfThere(expected.get());
        }
        if (lease.id().isPresent()) {
            store.metadata()
                    .apply(Durability.PROCESS, records -> lease.hold(records, namespace, writer.ingestResource()));
        }
        Optional<Blob> there = expected.flatMap(store.blobs()::find).filter(blob -> total == 0 || total == blob.size());
        if (there.isPresent()) {
            writer.shared = there.get();
        } else {
            writer.begin();
        }
        return writer;
    }

    /** Leases what is there, and says that it is there. */
    private void refuseIfThere(Digest digest) {
        boolean there = store.metadata().write(Durability.PROCESS, records -> {
            boolean found = records.contents().find(namespace, digest).isPresent();
            if (found) {
                lease.hold(records, namespace, contentResource(digest));
            }
            return found;
        });
        if (there) {
            throw Fault.alreadyExists("content " + digest, "it is in namespace " + namespace.name() + " already", "");
        }
    }

    private Ingest begin() {
        String key = Blobs.ref(namespace, ref);
        var announced = new Blobs.Announced(total, lease.id().isPresent());
        switch (store.blobs().begin(key, Blobs.Wanted.ANYTHING, announced)) {
            case Blobs.Begin.Writing(var begun) -> {
                ingest = begun;
                return begun;
            }
            case Blobs.Begin.AlreadyThere _ ->
                throw Fault.internal("write " + ref, "there cannot be what nobody has named", "");
            case Blobs.Begin.Busy _ ->
                throw Fault.unavailable(
                        "write " + ref, "another client writes under this reference", "Try again when it has ended");
        }
    }

    /** How many bytes are there. */
    long offset() {
        Blob blob = shared;
        return blob == null ? begun().offset() : blob.size();
    }

    /** Of what is there. */
    Digest digest() {
        Blob blob = shared;
        return blob == null ? begun().digest() : blob.digest();
    }

    /** When bytes came; if none need to come, since when that is known. */
    Optional<Times> times() {
        return shared != null
                ? Optional.of(new Times(opened, opened))
                : store.blobs()
                        .findIngest(Blobs.ref(namespace, ref))
                        .map(it -> new Times(it.startedAt(), it.updatedAt()));
    }

    /** Throws away what is there. */
    void restart() {
        if (shared != null) {
            shared = null;
            begin();
        }
        begun().restart();
    }

    void write(ByteBuffer bytes) {
        Blob blob = shared;
        if (blob != null) {
            shared = null;
            copy(blob, begin());
        }
        begun().write(bytes);
    }

    private void copy(Blob blob, Ingest into) {
        into.restart();
        try (Blobs.Reader reader = store.blobs().open(blob.digest())) {
            ByteBuffer buffer = ByteBuffer.allocate(COPY_BYTES);
            while (reader.channel().read(buffer) > 0) {
                into.write(buffer.flip());
                buffer.clear();
            }
        } catch (IOException e) {
            throw Fault.unavailable("copy " + blob.digest(), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /**
     * Gives the blob to the namespace; it survives a power loss. What is not as expected stays, to be gone on with.
     *
     * @param total bytes expected; 0 for whatever there is
     * @return the digest under which it is there
     * @throws Fault FAILED_PRECONDITION if size or digest are others; ALREADY_EXISTS if the namespace has got it meanwhile
     */
    Digest commit(long total, Optional<Digest> expected, Map<String, String> labels) {
        if (total != 0 && total != offset()) {
            throw Fault.precondition("commit " + ref, "it has " + offset() + " bytes and not " + total, "");
        }
        Blob blob = shared;
        try (Keeping keeping = images.keep()) { // no sweep comes between the bytes and their record
            keeping.blob(digest());
            expected.ifPresent(keeping::blob);
            Blob stored = blob == null ? store(expected) : known(blob, expected);
            record(stored, labels);
            return stored.digest();
        }
    }

    private Blob known(Blob blob, Optional<Digest> expected) {
        if (expected.isPresent() && !expected.get().equals(blob.digest())) {
            throw wrong(expected.get(), blob.digest());
        }
        store.blobs().flush(); // whoever brings it may not have done so yet
        return blob;
    }

    private Blob store(Optional<Digest> expected) {
        Ingest writing = begun();
        Digest actual = writing.digest();
        if (expected.isPresent()
                && expected.get().algorithm().equals(actual.algorithm())
                && !expected.get().equals(actual)) {
            throw wrong(expected.get(), actual);
        }
        return switch (writing.commit(new Blobs.Wanted(expected, OptionalLong.empty()))) {
            case Commit.Stored(var blob) -> {
                store.blobs().flush();
                yield blob;
            }
            case Commit.AlreadyThere(var blob) -> {
                store.blobs().flush(); // whoever brought it may not have done so yet
                yield blob;
            }
            case Commit.WrongDigest(var wanted, var got) -> throw wrong(wanted, got);
            case Commit.WrongSize(var wanted, var got) ->
                throw Fault.precondition("commit " + ref, "it has " + got + " bytes and not " + wanted, "");
        };
    }

    private void record(Blob blob, Map<String, String> labels) {
        Digest digest = blob.digest();
        boolean fresh = store.metadata().write(Durability.POWER, records -> {
            boolean found = records.contents().find(namespace, digest).isPresent();
            if (!found) {
                records.contents().put(namespace, digest, blob.size(), labels);
            }
            lease.hold(records, namespace, contentResource(digest));
            lease.letGo(records, namespace, ingestResource());
            return !found;
        });
        if (store.blobs().find(digest).isEmpty()) {
            store.metadata()
                    .apply(Durability.PROCESS, records -> records.contents().remove(namespace, digest));
            throw Fault.unavailable("commit " + ref, "the other namespace has just removed it", "Send it again");
        }
        if (!fresh) {
            throw Fault.alreadyExists("content " + digest, "it is in namespace " + namespace.name() + " already", "");
        }
    }

    /** Throws away what is there, and ends. */
    void abort() {
        Ingest writing = ingest;
        if (writing != null) {
            writing.abort();
        }
    }

    /** Ends; what is there stays. Harmless after a commit. */
    @Override
    public void close() {
        Ingest writing = ingest;
        if (writing != null) {
            writing.close();
        }
    }

    private Ingest begun() {
        Ingest writing = ingest;
        if (writing == null) {
            throw Fault.internal("write " + ref, "it has not begun", "");
        }
        return writing;
    }

    private Fault wrong(Digest expected, Digest actual) {
        return Fault.precondition("commit " + ref, "its digest is " + actual + " and not " + expected, "");
    }

    static Leases.Resource contentResource(Digest digest) {
        return new Leases.Resource("content", digest.toString());
    }

    private Leases.Resource ingestResource() {
        return ingestResource(ref);
    }

    static Leases.Resource ingestResource(String ref) {
        return new Leases.Resource("ingests", ref);
    }
}

package dev.berth.images;

import com.github.luben.zstd.ZstdOutputStreamNoFinalizer;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import dev.berth.snapshots.MountPoint;
import dev.berth.snapshots.MountedTree;
import dev.berth.store.Blobs;
import dev.berth.store.Commit;
import dev.berth.store.Durability;
import dev.berth.store.Ingest;
import dev.berth.store.Leases;
import dev.berth.store.Store;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/** Layers and the trees that they make: from the store onto a tree, and from two trees into the store. Thread-safe. */
public final class Diffs {
    /** On a packed layer: the digest of what it unpacks to. */
    static final String UNCOMPRESSED = "containerd.io/uncompressed";

    private static final int BUFFER = 1 << 18;

    private final Store store;
    private final Holds holds;

    Diffs(Store store, Holds holds) {
        this.store = store;
        this.holds = holds;
    }

    /**
     * How a difference is to be kept.
     *
     * @param mediaType of the layer, which says how it is packed; empty for gzip
     * @param labels for its record
     * @param latest what has changed later is said to have changed then; null for no such limit
     * @param lease the lease that is to hold it, if any
     */
    public record Form(
            String mediaType,
            Map<String, String> labels,
            @Nullable Instant latest,
            Optional<String> lease) {}

    /**
     * Unpacks a layer onto a tree.
     *
     * @param mounts what to mount to see the tree
     * @return the archive that it was unpacked from, by its digest and size
     * @throws Fault NOT_FOUND if the namespace has no such blob; UNIMPLEMENTED if it is no layer; INVALID_ARGUMENT if it is broken, or
     *     the mounts are; RESOURCE_EXHAUSTED if the disk is full or it is a bomb
     */
    public Descriptor apply(Namespace namespace, Descriptor layer, List<MountPoint> mounts) {
        if (!MediaTypes.isLayer(layer.mediaType())) {
            throw Fault.of(
                    Fault.Code.UNIMPLEMENTED,
                    "unpack " + layer.digest(),
                    "its media type " + layer.mediaType() + " is not that of a layer",
                    "");
        }
        store.metadata().read(records -> records.contents().get(namespace, layer.digest()));
        try (Holds.Hold hold = holds.begin()) {
            hold.blob(layer.digest());
            try (LayerStream tar = LayerStream.open(layer, store.blobs().open(layer.digest()).stream())) {
                MountedTree.apply(mounts, tar);
                Digest archive = tar.digest();
                return Descriptor.of(MediaTypes.OCI_LAYER, archive, tar.count());
            }
        } catch (Fault e) {
            throw e.within("layer " + layer.digest());
        }
    }

    /**
     * Makes a layer of what makes one tree the other. It is on disk, with its record, when this returns.
     *
     * @throws Fault UNIMPLEMENTED for another media type than that of a layer; as {@link MountedTree#difference}; as {@link Ingest}
     */
    public Descriptor create(Namespace namespace, List<MountPoint> lower, List<MountPoint> upper, Form form) {
        String type = form.mediaType().isEmpty() ? MediaTypes.OCI_LAYER_GZIP : form.mediaType();
        if (!MediaTypes.isLayer(type)) {
            throw Fault.of(
                    Fault.Code.UNIMPLEMENTED,
                    "make a layer",
                    "the media type " + type + " is not that of one",
                    "Use " + MediaTypes.OCI_LAYER_GZIP);
        }
        try (Holds.Hold hold = holds.begin();
                Ingest ingest = begin()) {
            try {
                MessageDigest packed = Digest.sha256Hasher();
                MessageDigest plain = Digest.sha256Hasher();
                write(lower, upper, form, type, new Hashed(new IntoIngest(ingest), packed, plain));
                Digest digest = Digest.sha256(packed);
                hold.blob(digest);
                long size = ingest.offset();
                commit(ingest);
                Map<String, String> labels = new HashMap<>(form.labels());
                labels.put(UNCOMPRESSED, Digest.sha256(plain).toString());
                record(namespace, digest, size, labels, form.lease());
                return Descriptor.of(type, digest, size);
            } finally {
                ingest.abort();
            }
        }
    }

    private Ingest begin() {
        return switch (store.blobs().begin(Sweeper.once("diff"), Blobs.Wanted.ANYTHING)) {
            case Blobs.Begin.Writing(var ingest) -> ingest;
            case Blobs.Begin.AlreadyThere there -> throw nobodyElse();
            case Blobs.Begin.Busy busy -> throw nobodyElse();
        };
    }

    private static Fault nobodyElse() {
        return Fault.internal("make a layer", "its random name is taken", "Try again");
    }

    /** Where the packed bytes go, and who hashes them packed and before. */
    private record Hashed(OutputStream out, MessageDigest packed, MessageDigest plain) {}

    private static void write(List<MountPoint> lower, List<MountPoint> upper, Form form, String type, Hashed to) {
        try (OutputStream packing = packing(type, new DigestOutputStream(to.out, to.packed));
                var tar = new BufferedOutputStream(new DigestOutputStream(packing, to.plain), BUFFER)) {
            MountedTree.difference(lower, upper, tar, form.latest());
        } catch (IOException e) {
            throw Fault.unavailable("make a layer", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    static OutputStream packing(String type, OutputStream out) throws IOException {
        return switch (MediaTypes.compressionOf(type)) {
            case NONE -> out;
            case GZIP -> new GZIPOutputStream(out, 1 << 16);
            case ZSTD -> new ZstdOutputStreamNoFinalizer(out);
        };
    }

    private static void commit(Ingest ingest) {
        switch (ingest.commit()) {
            case Commit.Stored stored -> {}
            case Commit.AlreadyThere there -> {}
            case Commit.WrongDigest wrong -> throw changed();
            case Commit.WrongSize wrong -> throw changed();
        }
    }

    private static Fault changed() {
        return Fault.internal("make a layer", "its bytes have changed while they were written", "See the system's log");
    }

    private void record(
            Namespace namespace, Digest digest, long size, Map<String, String> labels, Optional<String> lease) {
        store.blobs().flush();
        store.metadata().apply(Durability.POWER, records -> {
            records.contents().put(namespace, digest, size, labels);
            lease.ifPresent(
                    id -> records.leases().add(namespace, id, new Leases.Resource("content", digest.toString())));
        });
    }

    /** Bytes that go into an ingest; its end is not this one's business. */
    static final class IntoIngest extends OutputStream {
        private final Ingest ingest;

        IntoIngest(Ingest ingest) {
            this.ingest = ingest;
        }

        @Override
        public void write(int b) {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public void write(byte[] bytes, int from, int length) {
            ingest.write(bytes, from, length);
        }
    }
}

package dev.berth.images;

import dev.berth.images.registry.Blob;
import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.snapshots.LayerChain;
import dev.berth.snapshots.LayerDraft;
import dev.berth.store.Blobs;
import dev.berth.store.Commit;
import dev.berth.store.Ingest;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Brings one layer here: its packed bytes into the store and, if asked, its files into a draft. If the bytes come from the registry
 * from their start on, they are unpacked as they come; else they are read from the store.
 */
final class LayerWork {
    private static final Duration LOOK_AGAIN = Duration.ofMillis(500);
    private static final long STEP_BYTES = 1 << 18;
    private static final String INGEST = "layer-"; // a client's begin otherwise

    private final LayerSource source;
    private final Blobs blobs;
    private final Crew crew;
    private final Progress progress;
    private final ImageParts.Layer layer;
    private volatile boolean wrote;
    private volatile boolean bomb; // its bytes unpack to far too much
    private boolean right; // of the thread that works

    LayerWork(LayerSource source, Blobs blobs, Crew crew, Progress progress, ImageParts.Layer layer) {
        this.source = source;
        this.blobs = blobs;
        this.crew = crew;
        this.progress = progress;
        this.layer = layer;
    }

    /**
     * Does the work, on this thread and one more.
     *
     * @param chain unpacks the layer; null if only its bytes are wanted
     * @return the draft; null if there is no chain
     * @throws Fault as the registry, the store and the chain have it; FAILED_PRECONDITION if the bytes are not the layer's
     */
    @Nullable
    LayerDraft run(@Nullable LayerChain chain) throws InterruptedException {
        Descriptor descriptor = layer.descriptor();
        while (true) {
            switch (blobs.begin(ref(), Blobs.Wanted.of(descriptor))) {
                case Blobs.Begin.AlreadyThere there -> {
                    return chain == null ? done(null) : done(unpackStored(chain));
                }
                case Blobs.Begin.Busy busy -> {
                    progress.layer(descriptor.digest(), Progress.Stage.DOWNLOADING, busy.offset());
                    busy.await(LOOK_AGAIN); // if it fails there, it is begun here
                }
                case Blobs.Begin.Writing(var ingest) -> {
                    wrote = true;
                    try (ingest) {
                        try {
                            if (chain != null && ingest.offset() == 0) {
                                return done(unpackWhileDownloading(chain, ingest));
                            }
                            download(ingest, null);
                            commit(ingest);
                        } catch (Fault e) {
                            if (!isOfTheBytes(e) || !source.another(descriptor)) {
                                throw e;
                            }
                            ingest.abort(); // another host may have them right
                        }
                    }
                }
            }
        }
    }

    /** Not once they are known to be those of the digest: then it is the image that is wrong. */
    private boolean isOfTheBytes(Fault e) {
        return !right && (e.code() == Fault.Code.FAILED_PRECONDITION || e.code() == Fault.Code.INVALID_ARGUMENT);
    }

    /**
     * Throws away the bytes that a later pull could go on with, unless another one does already. To be called when the work has
     * ended.
     */
    void drop() {
        if (wrote) {
            blobs.findIngest(ref()).ifPresent(it -> blobs.abandon(ref(), it.startedAt()));
        }
    }

    ImageParts.Layer layer() {
        return layer;
    }

    /** Whether an ingest has a layer that a pull or a load has begun to store. */
    static boolean isIngest(String ref) {
        return ref.startsWith(INGEST);
    }

    private String ref() {
        return INGEST + layer.descriptor().digest();
    }

    private @Nullable LayerDraft done(@Nullable LayerDraft draft) {
        progress.layer(
                layer.descriptor().digest(),
                Progress.Stage.DONE,
                layer.descriptor().size());
        return draft;
    }

    private LayerDraft unpackStored(LayerChain chain) {
        progress.layer(
                layer.descriptor().digest(),
                Progress.Stage.UNPACKING,
                layer.descriptor().size());
        return unpack(stored(), chain::unpack);
    }

    /** Unpacks the archive once more, from the store, for a layer that has to be unpacked in its turn. */
    void appendInTurn(LayerChain chain, String name, Map<String, String> labels) {
        var _ = unpack(stored(), tar -> chain.appendInTurn(name, labels, tar));
    }

    private InputStream stored() {
        return blobs.open(layer.descriptor().digest()).stream();
    }

    /** Whoever unpacks knows of no layers and images; so the fault is told here which one it is about. */
    private <T> T unpack(InputStream packed, Function<LayerStream, T> unpacking) {
        try (LayerStream tar = LayerStream.open(layer.descriptor(), layer.diffId(), packed)) {
            return unpack(tar, () -> 0, unpacking);
        } catch (Fault e) {
            throw e.within("layer " + layer.descriptor().digest());
        }
    }

    /** @return null if it has to be unpacked from the store */
    private @Nullable LayerDraft unpackComing(ChunkPipe coming, LayerChain chain) {
        try (LayerStream tar = LayerStream.openComing(layer.descriptor(), layer.diffId(), coming)) {
            try {
                return tar == null ? null : unpack(tar, coming::waited, chain::unpack);
            } finally {
                bomb = tar != null && tar.isBomb();
            }
        } catch (Fault e) {
            throw e.within("layer " + layer.descriptor().digest());
        }
    }

    private <T> T unpack(LayerStream tar, LongSupplier waited, Function<LayerStream, T> unpacking) {
        long start = Spent.now();
        long before = waited.getAsLong(); // for the first bytes
        T made = unpacking.apply(tar);
        tar.verify(layer.diffId());
        note(Spent.now() - start, tar, waited.getAsLong() - before);
        return made;
    }

    private void note(long whole, LayerStream tar, long waited) {
        Spent spent = crew.spent();
        spent.add(Spent.On.INFLATE, tar.unpacking() - waited);
        spent.add(Spent.On.HASH, tar.hashing());
        spent.add(Spent.On.FILES, whole - tar.unpacking() - tar.hashing());
    }

    private LayerDraft unpackWhileDownloading(LayerChain chain, Ingest ingest) throws InterruptedException {
        try (ChunkPipe pipe = new ChunkPipe()) {
            // Its end closes the pipe: if it failed early, the downloader hears of it.
            Future<@Nullable LayerDraft> draft = crew.beside(() -> unpackComing(pipe, chain));
            try {
                download(ingest, new Reader(pipe, draft));
                commit(ingest);
                pipe.finish();
                progress.layer(
                        layer.descriptor().digest(),
                        Progress.Stage.UNPACKING,
                        layer.descriptor().size());
                LayerDraft made = draft.get();
                return made == null ? unpackStored(chain) : made;
            } catch (ExecutionException e) {
                throw Crew.fault(e);
            } catch (InterruptedException | RuntimeException e) {
                pipe.fail(e);
                throw e;
            }
        }
    }

    /**
     * After the layer could not be unpacked. If that was for its bytes, all of them have to be here before it can be said whose fault it
     * is: the registry's, that sent something else, and another may have it right; or the image's.
     */
    private void beForTheBytes(Future<@Nullable LayerDraft> failed) throws InterruptedException {
        try {
            var _ = failed.get();
        } catch (ExecutionException e) {
            boolean ofTheBytes = bomb || (e.getCause() instanceof Fault fault && isOfTheBytes(fault));
            if (!ofTheBytes) {
                throw Crew.fault(e);
            }
        }
    }

    /** Who unpacks what comes. */
    private record Reader(ChunkPipe pipe, Future<@Nullable LayerDraft> draft) {}

    /** Fetches what is missing. */
    private void download(Ingest ingest, @Nullable Reader reader) throws InterruptedException {
        long told = ingest.offset();
        progress.layer(layer.descriptor().digest(), Progress.Stage.DOWNLOADING, told);
        var relay = new Relay(ingest, reader);
        try (Blob blob = source.blob(layer.descriptor(), ingest.offset())) {
            for (ByteBuffer bytes = next(blob, relay); bytes != null; bytes = next(blob, relay)) {
                crew.fetched(bytes.remaining());
                relay.take(bytes);
                if (blob.position() - told >= STEP_BYTES) {
                    told = blob.position();
                    progress.layer(layer.descriptor().digest(), Progress.Stage.DOWNLOADING, told);
                }
            }
        }
        relay.pass();
    }

    /** What comes in small pieces from the network is put together to some that are worth a call. */
    private final class Relay {
        private final Ingest ingest;
        private @Nullable Reader reader;
        private ByteBuffer piece;

        Relay(Ingest ingest, @Nullable Reader reader) {
            this.ingest = ingest;
            this.reader = reader;
            this.piece = reader == null
                    ? ByteBuffer.allocate(ChunkPipe.PIECE_BYTES)
                    : reader.pipe().piece();
        }

        void take(ByteBuffer bytes) throws InterruptedException {
            while (bytes.hasRemaining()) {
                int count = Math.min(bytes.remaining(), piece.remaining());
                piece.put(bytes.slice(bytes.position(), count));
                bytes.position(bytes.position() + count);
                if (!piece.hasRemaining()) {
                    pass();
                }
            }
        }

        /** Stores what there is, for somebody to go on from there, and hands it to the reader. */
        void pass() throws InterruptedException {
            ByteBuffer full = store();
            Reader to = reader;
            if (to == null) {
                piece.clear();
                return;
            }
            long stored = Spent.now();
            boolean wanted = to.pipe().put(full);
            piece = to.pipe().piece();
            crew.spent().add(Spent.On.BEHIND, Spent.now() - stored);
            if (!wanted) {
                reader = null;
                beForTheBytes(to.draft());
            }
        }

        /** What came before a failure is not to be fetched again. */
        void keep(RuntimeException failure) {
            try {
                var _ = store();
            } catch (RuntimeException e) {
                failure.addSuppressed(e);
            }
        }

        private ByteBuffer store() {
            ByteBuffer full = piece.flip();
            long start = Spent.now();
            ingest.write(full.duplicate());
            crew.spent().add(Spent.On.STORE, Spent.now() - start);
            return full;
        }
    }

    private @Nullable ByteBuffer next(Blob blob, Relay relay) {
        long start = Spent.now();
        try {
            return blob.next();
        } catch (RuntimeException e) {
            relay.keep(e);
            throw e;
        } finally {
            crew.spent().add(Spent.On.NETWORK, Spent.now() - start);
        }
    }

    /** Checks and keeps the bytes. A resumed ingest that turns out wrong is simply gone, for the caller to begin anew. */
    private void commit(Ingest ingest) {
        boolean resumed = ingest.resumed();
        Fault wrong = switch (ingest.commit()) {
            case Commit.Stored stored -> null;
            case Commit.AlreadyThere there -> null;
            case Commit.WrongDigest(var wanted, var got) -> wrong("digest is " + got + ", not " + wanted);
            case Commit.WrongSize(var wanted, var got) -> wrong("size is " + got + ", not " + wanted);
        };
        if (wrong != null && !resumed) {
            throw wrong;
        }
        right = wrong == null;
    }

    private Fault wrong(String why) {
        return Fault.precondition(
                "layer " + layer.descriptor().digest(),
                "what the registry sent is something else: its " + why,
                "The registry's content is damaged; push the image again");
    }
}

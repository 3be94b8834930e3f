package dev.berth.services;

import dev.berth.images.Images;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Digest;
import dev.berth.store.Store;
import dev.berth.wire.containerd.content.WriteAction;
import dev.berth.wire.containerd.content.WriteContentRequest;
import dev.berth.wire.containerd.content.WriteContentResponse;
import io.grpc.stub.StreamObserver;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/** One call of Write: the first message names the ingest, each is answered with where the writer stands, a commit ends it. */
final class ContentWriting implements StreamObserver<WriteContentRequest> {
    private final Store store;
    private final Images images;
    private final InstantSource clock;
    private final ExecutorService workers;
    private final StreamObserver<WriteContentResponse> client;
    private final @Nullable Namespace namespace;
    private final LeaseOfCall lease;
    private final WriteContentResponse.Builder known = WriteContentResponse.newBuilder();

    private @Nullable ContentWriter writer;
    private String ref = "";
    private long total;
    private Optional<Digest> expected = Optional.empty();
    private boolean over;

    ContentWriting(
            Store store,
            Images images,
            InstantSource clock,
            ExecutorService workers,
            StreamObserver<WriteContentResponse> client) {
        this.store = store;
        this.images = images;
        this.clock = clock;
        this.workers = workers;
        this.client = client;
        this.namespace = Headers.optionalNamespace().orElse(null);
        this.lease = LeaseOfCall.current();
    }

    @Override
    public void onNext(WriteContentRequest request) {
        if (over) {
            return;
        }
        try {
            WriteContentResponse answer =
                    workers.submit(() -> step(request)).get(); // it hashes and writes: not for a virtual thread
            client.onNext(answer);
            if (request.getAction() == WriteAction.COMMIT) {
                over = true;
                client.onCompleted();
            }
        } catch (ExecutionException e) {
            end(e.getCause() instanceof RuntimeException failure ? failure : new IllegalStateException(e));
        } catch (RejectedExecutionException e) {
            end(Fault.unavailable("write " + ref, "the daemon is stopping", "Go on with it when the daemon is back"));
        } catch (InterruptedException | RuntimeException e) {
            end(e);
        }
    }

    private void end(Exception failure) {
        over = true;
        try {
            if (failure instanceof Fault fault && fault.code() == Fault.Code.RESOURCE_EXHAUSTED) {
                dropWriter(); // what came so far takes room that others need
            }
            closeWriter();
        } catch (Fault left) {
            failure.addSuppressed(left);
        }
        Calls.fail(client, failure);
    }

    private void dropWriter() {
        ContentWriter open = writer;
        if (open != null) {
            open.abort();
        }
    }

    private void closeWriter() {
        ContentWriter open = writer;
        if (open != null) {
            open.close();
        }
    }

    @Override
    public void onError(Throwable gone) {
        over = true;
        closeWriter();
    }

    @Override
    public void onCompleted() {
        if (!over) {
            over = true;
            closeWriter();
            client.onCompleted();
        }
    }

    private WriteContentResponse step(WriteContentRequest request) {
        ContentWriter open = writer == null ? open(request) : writer;
        if (!request.getExpected().isEmpty()) {
            expected = Optional.of(Digest.parse(request.getExpected()));
            refuseIfThere(open, expected.get());
        }
        if (request.getTotal() > 0) {
            total = request.getTotal();
        }
        return switch (request.getAction()) {
            case STAT -> stat(open);
            case WRITE -> {
                write(open, request);
                yield answer(open, WriteAction.WRITE).build();
            }
            case COMMIT -> {
                write(open, request);
                var answer = answer(open, WriteAction.COMMIT);
                Digest digest = open.commit(
                        total, expected, LabelChange.merge(LabelChange.EVERY, Map.of(), request.getLabelsMap()));
                yield answer.setDigest(digest.toString()).build(); // of the kind that was expected
            }
            case UNRECOGNIZED -> throw Fault.invalid("write " + ref, "there is no such action", "");
        };
    }

    private ContentWriter open(WriteContentRequest first) {
        ref = first.getRef();
        if (ref.isEmpty()) {
            throw Fault.invalid("write of content", "first message must have a reference", "");
        }
        if (namespace == null) {
            throw Headers.missing();
        }
        ContentWriter opened = ContentWriter.open(
                store,
                images,
                new ContentWriter.Owner(namespace, lease),
                new ContentWriter.Wish(
                        ref,
                        first.getTotal(),
                        Optional.of(first.getExpected())
                                .filter(text -> !text.isEmpty())
                                .map(Digest::parse)),
                clock.instant());
        writer = opened;
        return opened;
    }

    /** Somebody else may have brought it since this began. */
    private void refuseIfThere(ContentWriter open, Digest digest) {
        Namespace space = namespace;
        if (space != null
                && store.metadata()
                        .read(records -> records.contents().find(space, digest).isPresent())) {
            open.abort();
            throw Fault.alreadyExists("blob with expected digest " + digest, "there is one already", "");
        }
    }

    private static void write(ContentWriter open, WriteContentRequest request) {
        long offset = open.offset();
        if (request.getOffset() > 0 && request.getOffset() != offset) {
            throw Fault.of(
                    Fault.Code.OUT_OF_RANGE,
                    "write at " + request.getOffset(),
                    "the writer stands at " + offset,
                    "Ask for its status and go on there");
        }
        if (request.getOffset() == 0 && offset > 0) {
            open.restart();
        }
        if (!request.getData().isEmpty()) {
            open.write(request.getData().asReadOnlyByteBuffer());
        }
    }

    /** What it tells once, all later answers repeat: so containerd has it. */
    private WriteContentResponse stat(ContentWriter open) {
        known.setTotal(total);
        open.times()
                .ifPresent(times -> known.setStartedAt(Messages.time(times.startedAt()))
                        .setUpdatedAt(Messages.time(times.updatedAt())));
        return answer(open, WriteAction.STAT).build();
    }

    private WriteContentResponse.Builder answer(ContentWriter open, WriteAction action) {
        return known.setAction(action)
                .setOffset(open.offset())
                .setDigest(open.digest().toString());
    }
}

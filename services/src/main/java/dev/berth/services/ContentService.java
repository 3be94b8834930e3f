package dev.berth.services;

import com.google.protobuf.Empty;
import dev.berth.images.Images;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Digest;
import dev.berth.store.Blobs;
import dev.berth.store.Contents.Content;
import dev.berth.store.Durability;
import dev.berth.store.Store;
import dev.berth.wire.containerd.content.AbortRequest;
import dev.berth.wire.containerd.content.ContentGrpc;
import dev.berth.wire.containerd.content.DeleteContentRequest;
import dev.berth.wire.containerd.content.Info;
import dev.berth.wire.containerd.content.InfoRequest;
import dev.berth.wire.containerd.content.InfoResponse;
import dev.berth.wire.containerd.content.ListContentRequest;
import dev.berth.wire.containerd.content.ListContentResponse;
import dev.berth.wire.containerd.content.ListStatusesRequest;
import dev.berth.wire.containerd.content.ListStatusesResponse;
import dev.berth.wire.containerd.content.ReadContentRequest;
import dev.berth.wire.containerd.content.ReadContentResponse;
import dev.berth.wire.containerd.content.Status;
import dev.berth.wire.containerd.content.StatusRequest;
import dev.berth.wire.containerd.content.StatusResponse;
import dev.berth.wire.containerd.content.UpdateRequest;
import dev.berth.wire.containerd.content.UpdateResponse;
import dev.berth.wire.containerd.content.WriteContentRequest;
import dev.berth.wire.containerd.content.WriteContentResponse;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The blobs of a namespace, and what is on its way into it. A delete takes the blob from the namespace; its bytes go a
 * moment later if no other has it. It begins no collection: other clients may be about to refer to what they have written.
 */
final class ContentService extends ContentGrpc.ContentImplBase implements AutoCloseable {
    private static final int IN_ONE_MESSAGE = 100;
    private static final int WORKERS = 4;
    private static final int IDLE_SECONDS = 10;

    private final Store store;
    private final Images images;
    private final InstantSource clock;
    private final ExecutorService workers;

    ContentService(Store store, Images images, InstantSource clock) {
        this.store = store;
        this.images = images;
        this.clock = clock;
        var pool = new ThreadPoolExecutor(
                WORKERS,
                WORKERS,
                IDLE_SECONDS,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                Thread.ofPlatform().name("content-write-", 0).daemon().factory());
        pool.allowCoreThreadTimeOut(true);
        this.workers = pool;
    }

    @Override
    public void info(InfoRequest request, StreamObserver<InfoResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            Digest digest = Digest.parse(request.getDigest());
            return InfoResponse.newBuilder()
                    .setInfo(info(get(namespace, digest)))
                    .build();
        });
    }

    @Override
    public void update(UpdateRequest request, StreamObserver<UpdateResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            Digest digest = Digest.parse(request.getInfo().getDigest());
            Content updated = store.metadata().write(Durability.POWER, records -> {
                Content old = records.contents().get(namespace, digest);
                return records.contents()
                        .update(
                                namespace,
                                digest,
                                LabelChange.of(
                                        "content " + digest,
                                        request.getUpdateMask().getPathsList(),
                                        old.labels(),
                                        request.getInfo().getLabelsMap()));
            });
            return UpdateResponse.newBuilder().setInfo(info(updated)).build();
        });
    }

    @Override
    public void list(ListContentRequest request, StreamObserver<ListContentResponse> caller) {
        Calls.answer(
                caller,
                IN_ONE_MESSAGE,
                () -> {
                    Namespace namespace = Headers.namespace();
                    Filters filters = Filters.parse(request.getFiltersList());
                    return store.metadata().read(records -> records.contents().list(namespace)).stream()
                            .filter(content -> filters.show(path -> field(content, path)))
                            .map(ContentService::info)
                            .toList();
                },
                infos -> ListContentResponse.newBuilder().addAllInfo(infos).build());
    }

    private static Optional<String> field(Content content, List<String> path) {
        return switch (path.getFirst()) {
            case "digest" -> Optional.of(content.digest().toString());
            case "labels" -> Filters.in(content.labels(), path);
            default -> Optional.empty();
        };
    }

    @Override
    public void delete(DeleteContentRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            LeaseOfCall lease = LeaseOfCall.current();
            Digest digest = Digest.parse(request.getDigest());
            store.metadata().apply(Durability.PROCESS, records -> {
                records.contents().delete(namespace, digest);
                lease.letGo(records, namespace, ContentWriter.contentResource(digest));
            });
            images.contentDeleted(digest);
            return Empty.getDefaultInstance();
        });
    }

    @Override
    public void read(ReadContentRequest request, StreamObserver<ReadContentResponse> caller) {
        try {
            Content content = get(Headers.namespace(), Digest.parse(request.getDigest()));
            ContentReading.start(
                    store.blobs().open(content.digest()),
                    request.getOffset(),
                    request.getSize(),
                    (ServerCallStreamObserver<ReadContentResponse>) caller);
        } catch (RuntimeException e) {
            Calls.fail(caller, e);
        }
    }

    @Override
    public void status(StatusRequest request, StreamObserver<StatusResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            String key = Blobs.ref(namespace, request.getRef());
            return store.blobs()
                    .findIngest(key)
                    .map(found -> StatusResponse.newBuilder()
                            .setStatus(status(namespace, found))
                            .build())
                    .orElseThrow(() -> noIngest(namespace, request.getRef()));
        });
    }

    @Override
    public void listStatuses(ListStatusesRequest request, StreamObserver<ListStatusesResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            Filters filters = Filters.parse(request.getFiltersList());
            return ListStatusesResponse.newBuilder()
                    .addAllStatuses(store.blobs().ingests().stream()
                            .filter(found -> found.ref().startsWith(Blobs.refs(namespace)))
                            .map(found -> status(namespace, found))
                            .filter(status -> filters.show(path ->
                                    path.getFirst().equals("ref") ? Optional.of(status.getRef()) : Optional.empty()))
                            .sorted(Comparator.comparing(Status::getRef))
                            .toList())
                    .build();
        });
    }

    @Override
    public StreamObserver<WriteContentRequest> write(StreamObserver<WriteContentResponse> caller) {
        try {
            return new ContentWriting(store, images, clock, workers, caller);
        } catch (Fault e) { // of its headers
            return Calls.refuse(caller, e);
        }
    }

    @Override
    public void abort(AbortRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            LeaseOfCall lease = LeaseOfCall.current();
            String key = Blobs.ref(namespace, request.getRef());
            if (store.blobs().findIngest(key).isEmpty()) {
                throw noIngest(namespace, request.getRef());
            }
            store.blobs().abort(key);
            store.metadata()
                    .apply(
                            Durability.PROCESS,
                            records -> lease.letGo(records, namespace, ContentWriter.ingestResource(request.getRef())));
            return Empty.getDefaultInstance();
        });
    }

    @Override
    public void close() {
        workers.shutdownNow();
    }

    private Content get(Namespace namespace, Digest digest) {
        return store.metadata().read(records -> records.contents().get(namespace, digest));
    }

    private static Fault noIngest(Namespace namespace, String ref) {
        return Fault.notFound("ingest " + ref, "there is none in namespace " + namespace.name(), "");
    }

    private static Info info(Content content) {
        return Info.newBuilder()
                .setDigest(content.digest().toString())
                .setSize(content.size())
                .setCreatedAt(Messages.time(content.createdAt()))
                .setUpdatedAt(Messages.time(content.updatedAt()))
                .putAllLabels(content.labels())
                .build();
    }

    private static Status status(Namespace namespace, Blobs.Status ingest) {
        return Status.newBuilder()
                .setRef(ingest.ref().substring(Blobs.refs(namespace).length()))
                .setOffset(ingest.offset())
                .setTotal(ingest.announced().total())
                .setStartedAt(Messages.time(ingest.startedAt()))
                .setUpdatedAt(Messages.time(ingest.updatedAt()))
                .build();
    }
}

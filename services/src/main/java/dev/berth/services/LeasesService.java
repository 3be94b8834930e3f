package dev.berth.services;

import com.google.protobuf.Empty;
import dev.berth.images.Images;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Digest;
import dev.berth.store.Durability;
import dev.berth.store.GcLabel;
import dev.berth.store.Leases.Lease;
import dev.berth.store.Leases.Resource;
import dev.berth.store.Store;
import dev.berth.wire.containerd.leases.AddResourceRequest;
import dev.berth.wire.containerd.leases.CreateRequest;
import dev.berth.wire.containerd.leases.CreateResponse;
import dev.berth.wire.containerd.leases.DeleteRequest;
import dev.berth.wire.containerd.leases.DeleteResourceRequest;
import dev.berth.wire.containerd.leases.LeasesGrpc;
import dev.berth.wire.containerd.leases.ListRequest;
import dev.berth.wire.containerd.leases.ListResourcesRequest;
import dev.berth.wire.containerd.leases.ListResourcesResponse;
import dev.berth.wire.containerd.leases.ListResponse;
import io.grpc.stub.StreamObserver;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Claims on what nothing else refers to yet. */
final class LeasesService extends LeasesGrpc.LeasesImplBase {
    private static final Logger LOG = LoggerFactory.getLogger(LeasesService.class);
    private static final int RANDOM_LENGTH = 24;

    private final Store store;
    private final Images images;
    private final Activations activations;

    LeasesService(Store store, Images images, Activations activations) {
        this.store = store;
        this.images = images;
        this.activations = activations;
    }

    @Override
    public void create(CreateRequest request, StreamObserver<CreateResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            String id = request.getId().isEmpty() ? Ids.random().substring(0, RANDOM_LENGTH) : request.getId();
            Map<String, String> labels = LabelChange.merge(LabelChange.EVERY, Map.of(), request.getLabelsMap());
            Lease plain = Lease.of(namespace, id).withLabels(labels);
            Lease lease = end(labels).map(plain::until).orElse(plain);
            Lease created = store.metadata()
                    .write(Durability.POWER, records -> records.leases().create(lease));
            return CreateResponse.newBuilder().setLease(message(created)).build();
        });
    }

    /** One that cannot be read is none, as in containerd: the lease then stays until somebody deletes it. */
    private static Optional<Instant> end(Map<String, String> labels) {
        String text = labels.getOrDefault(GcLabel.EXPIRE, "");
        try {
            return text.isEmpty()
                    ? Optional.empty()
                    : Optional.of(OffsetDateTime.parse(text).toInstant());
        } catch (DateTimeException e) {
            LOG.warn("a lease is to expire at \"{}\", which is not a time as in 2026-01-31T12:00:00Z", text);
            return Optional.empty();
        }
    }

    @Override
    public void delete(DeleteRequest request, StreamObserver<Empty> caller) {
        Calls.answerWhileWanted(caller, () -> {
            Namespace namespace = Headers.namespace();
            store.metadata().apply(Durability.POWER, records -> records.leases().delete(namespace, request.getId()));
            activations.endWithLeases();
            if (request.getSync()) {
                images.sweepNow();
            } else {
                images.sweepSoon();
            }
            return Empty.getDefaultInstance();
        });
    }

    @Override
    public void list(ListRequest request, StreamObserver<ListResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            Filters filters = Filters.parse(request.getFiltersList());
            return ListResponse.newBuilder()
                    .addAllLeases(
                            store.metadata().read(records -> records.leases().list(namespace)).stream()
                                    .filter(lease -> filters.show(path -> field(lease, path)))
                                    .sorted(Comparator.comparing(Lease::id))
                                    .map(LeasesService::message)
                                    .toList())
                    .build();
        });
    }

    private static Optional<String> field(Lease lease, List<String> path) {
        return switch (path.getFirst()) {
            case "id" -> Optional.of(lease.id());
            case "labels" -> Filters.in(lease.labels(), path);
            default -> Optional.empty();
        };
    }

    @Override
    public void addResource(AddResourceRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            Resource resource = resource(request.getResource());
            store.metadata()
                    .apply(Durability.POWER, records -> records.leases().add(namespace, request.getId(), resource));
            return Empty.getDefaultInstance();
        });
    }

    @Override
    public void deleteResource(DeleteResourceRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            Resource resource = resource(request.getResource());
            store.metadata()
                    .apply(Durability.POWER, records -> records.leases().drop(namespace, request.getId(), resource));
            return Empty.getDefaultInstance();
        });
    }

    @Override
    public void listResources(ListResourcesRequest request, StreamObserver<ListResourcesResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            return ListResourcesResponse.newBuilder()
                    .addAllResources(
                            store
                                    .metadata()
                                    .read(records -> records.leases().resources(namespace, request.getId()))
                                    .stream()
                                    .map(it -> dev.berth.wire.containerd.leases.Resource.newBuilder()
                                            .setType(it.type())
                                            .setId(it.id())
                                            .build())
                                    .toList())
                    .build();
        });
    }

    private static Resource resource(dev.berth.wire.containerd.leases.Resource resource) {
        String type = resource.getType();
        boolean isBare = !type.contains("/");
        switch (type.contains("/") ? type.substring(0, type.indexOf('/')) : type) {
            case "content", "ingests", "images" -> {
                if (!isBare) {
                    throw Fault.invalid("resource " + type, "only snapshots have a snapshotter", "Write it without /");
                }
                if (type.equals("content")) {
                    Digest.parse(resource.getId());
                }
            }
            case "snapshots" -> {
                if (type.indexOf('/') != type.lastIndexOf('/') || isBare || type.endsWith("/")) {
                    throw Fault.invalid("resource " + type, "it does not name a snapshotter", "Write snapshots/NAME");
                }
            }
            default ->
                throw Fault.of(
                        Fault.Code.UNIMPLEMENTED,
                        "resource " + type,
                        "a lease cannot hold such a thing",
                        "Use content, ingests, images or snapshots/NAME");
        }
        return new Resource(type, resource.getId());
    }

    private static dev.berth.wire.containerd.leases.Lease message(Lease lease) {
        return dev.berth.wire.containerd.leases.Lease.newBuilder()
                .setId(lease.id())
                .putAllLabels(lease.labels())
                .setCreatedAt(Messages.time(lease.createdAt()))
                .build();
    }
}

package dev.berth.services;

import com.google.protobuf.Any;
import com.google.protobuf.Empty;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.store.ContainerRecord;
import dev.berth.store.Durability;
import dev.berth.store.Payload;
import dev.berth.store.Store;
import dev.berth.wire.containerd.containers.Container;
import dev.berth.wire.containerd.containers.ContainersGrpc;
import dev.berth.wire.containerd.containers.CreateContainerRequest;
import dev.berth.wire.containerd.containers.CreateContainerResponse;
import dev.berth.wire.containerd.containers.DeleteContainerRequest;
import dev.berth.wire.containerd.containers.GetContainerRequest;
import dev.berth.wire.containerd.containers.GetContainerResponse;
import dev.berth.wire.containerd.containers.ListContainerMessage;
import dev.berth.wire.containerd.containers.ListContainersRequest;
import dev.berth.wire.containerd.containers.ListContainersResponse;
import dev.berth.wire.containerd.containers.UpdateContainerRequest;
import dev.berth.wire.containerd.containers.UpdateContainerResponse;
import io.grpc.stub.StreamObserver;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The containers, as records: what they are made of, not whether they run. */
final class ContainersService extends ContainersGrpc.ContainersImplBase {
    private static final String EXTENSION = "extensions.";

    /** What an update changes that names nothing. */
    private static final List<String> CHANGEABLE = List.of("labels", "spec", "extensions", "image", "snapshotkey");

    private final Store store;

    ContainersService(Store store) {
        this.store = store;
    }

    @Override
    public void get(GetContainerRequest request, StreamObserver<GetContainerResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            ContainerRecord found =
                    store.metadata().read(records -> records.containers().get(namespace, request.getId()));
            return GetContainerResponse.newBuilder()
                    .setContainer(message(found))
                    .build();
        });
    }

    @Override
    public void list(ListContainersRequest request, StreamObserver<ListContainersResponse> caller) {
        Calls.answer(
                caller,
                () -> ListContainersResponse.newBuilder()
                        .addAllContainers(matching(request))
                        .build());
    }

    @Override
    public void listStream(ListContainersRequest request, StreamObserver<ListContainerMessage> caller) {
        Calls.answer(
                caller,
                1,
                () -> matching(request),
                one -> ListContainerMessage.newBuilder()
                        .setContainer(one.getFirst())
                        .build());
    }

    private List<Container> matching(ListContainersRequest request) {
        Namespace namespace = Headers.namespace();
        Filters filters = Filters.parse(request.getFiltersList());
        return store.metadata().read(records -> records.containers().list(namespace)).stream()
                .filter(container -> filters.show(path -> field(container, path)))
                .sorted(Comparator.comparing(ContainerRecord::id))
                .map(ContainersService::message)
                .toList();
    }

    private static Optional<String> field(ContainerRecord container, List<String> path) {
        return switch (path.getFirst()) {
            case "id" -> Optional.of(container.id());
            case "runtime" ->
                path.size() > 1 && path.get(1).equals("name")
                        ? Filters.unlessEmpty(container.runtime())
                        : Optional.empty();
            case "image" -> Filters.unlessEmpty(container.image());
            case "labels" -> Filters.in(container.labels(), path);
            default -> Optional.empty();
        };
    }

    @Override
    public void create(CreateContainerRequest request, StreamObserver<CreateContainerResponse> caller) {
        Calls.answer(caller, () -> {
            ContainerRecord given = record(Headers.namespace(), request.getContainer());
            check(given);
            ContainerRecord created = store.metadata()
                    .write(Durability.POWER, records -> records.containers().create(given));
            return CreateContainerResponse.newBuilder()
                    .setContainer(message(created))
                    .build();
        });
    }

    private static void check(ContainerRecord container) {
        String what = "container " + container.id();
        if (container.runtime().isEmpty()) {
            throw Fault.invalid(what, "it has no runtime", "Name one, as in io.containerd.runc.v2");
        }
        if (container.spec().equals(Payload.NONE)) {
            throw Fault.invalid(what, "it has no spec", "");
        }
        if (!container.snapshotKey().isEmpty() && container.snapshotter().isEmpty()) {
            throw Fault.invalid(what, "it has a snapshot and no snapshotter", "");
        }
        if (container.extensions().containsKey("")) {
            throw Fault.invalid(what, "an extension has no name", "");
        }
    }

    @Override
    public void update(UpdateContainerRequest request, StreamObserver<UpdateContainerResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            if (request.getContainer().getId().isEmpty()) {
                throw Fault.invalid("the call", "it does not name the container", "");
            }
            ContainerRecord given = record(namespace, request.getContainer());
            List<String> mask = request.getUpdateMask().getPathsList();
            ContainerRecord updated = store.metadata().write(Durability.POWER, records -> {
                ContainerRecord old = records.containers().get(namespace, given.id());
                ContainerRecord changed = changed(old, given, mask);
                check(changed);
                return records.containers().update(changed);
            });
            return UpdateContainerResponse.newBuilder()
                    .setContainer(message(updated))
                    .build();
        });
    }

    private static ContainerRecord changed(ContainerRecord old, ContainerRecord given, List<String> mask) {
        if (mask.isEmpty()) {
            refuseOther("snapshotter", old.snapshotter(), given.snapshotter());
            refuseOther("runtime", old.runtime(), given.runtime());
        }
        ContainerRecord.Builder changed = old.but();
        Map<String, Payload> extensions = new TreeMap<>(old.extensions());
        for (String path : mask.isEmpty() ? CHANGEABLE : mask) {
            switch (path) {
                case "spec" -> changed.spec(given.spec());
                case "image" -> changed.image(given.image());
                case "snapshotkey" -> changed.snapshot(old.snapshotter(), given.snapshotKey());
                case "extensions" -> {
                    extensions.clear();
                    extensions.putAll(given.extensions());
                }
                default -> {
                    if (path.startsWith(EXTENSION)) {
                        String name = path.substring(EXTENSION.length());
                        extensions.put(name, given.extensions().getOrDefault(name, Payload.NONE));
                    } else if (!LabelChange.isLabels(path)) {
                        throw Fault.invalid(
                                "update of container " + old.id(),
                                "\"" + path + "\" is not a field that can change",
                                "Name " + String.join(", ", CHANGEABLE));
                    }
                }
            }
        }
        List<String> labels = mask.isEmpty()
                ? LabelChange.EVERY
                : mask.stream().filter(LabelChange::isLabels).toList();
        return changed.labels(LabelChange.merge(labels, old.labels(), given.labels()))
                .extensions(extensions)
                .build();
    }

    private static void refuseOther(String field, String old, String given) {
        if (!old.equals(given)) {
            throw Fault.invalid("update of a container", "its " + field + " cannot change", "Make a new container");
        }
    }

    @Override
    public void delete(DeleteContainerRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            store.metadata()
                    .apply(Durability.POWER, records -> records.containers().delete(namespace, request.getId()));
            return Empty.getDefaultInstance();
        });
    }

    private static ContainerRecord record(Namespace namespace, Container container) {
        Map<String, Payload> extensions = container.getExtensionsMap().entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, entry -> payload(entry.getValue())));
        return ContainerRecord.of(namespace, container.getId())
                .labels(LabelChange.merge(LabelChange.EVERY, Map.of(), container.getLabelsMap()))
                .image(container.getImage())
                .runtime(
                        container.getRuntime().getName(),
                        payload(container.getRuntime().getOptions()))
                .spec(payload(container.getSpec()))
                .snapshot(container.getSnapshotter(), container.getSnapshotKey())
                .sandbox(container.getSandbox())
                .extensions(extensions)
                .build();
    }

    private static Container message(ContainerRecord container) {
        var runtime = Container.Runtime.newBuilder().setName(container.runtime());
        if (!container.runtimeOptions().equals(Payload.NONE)) {
            runtime.setOptions(Messages.any(container.runtimeOptions()));
        }
        var message = Container.newBuilder()
                .setId(container.id())
                .putAllLabels(container.labels())
                .setImage(container.image())
                .setRuntime(runtime)
                .setSnapshotter(container.snapshotter())
                .setSnapshotKey(container.snapshotKey())
                .setCreatedAt(Messages.time(container.createdAt()))
                .setUpdatedAt(Messages.time(container.updatedAt()))
                .setSandbox(container.sandboxId());
        if (!container.spec().equals(Payload.NONE)) {
            message.setSpec(Messages.any(container.spec()));
        }
        container.extensions().forEach((name, value) -> message.putExtensions(name, Messages.any(value)));
        return message.build();
    }

    private static Payload payload(Any any) {
        return new Payload(any.getTypeUrl(), any.getValue().toByteArray());
    }
}

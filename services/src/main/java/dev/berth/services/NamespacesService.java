package dev.berth.services;

import com.google.protobuf.Empty;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.store.Durability;
import dev.berth.store.Namespaces;
import dev.berth.store.Store;
import dev.berth.wire.containerd.namespaces.CreateNamespaceRequest;
import dev.berth.wire.containerd.namespaces.CreateNamespaceResponse;
import dev.berth.wire.containerd.namespaces.DeleteNamespaceRequest;
import dev.berth.wire.containerd.namespaces.GetNamespaceRequest;
import dev.berth.wire.containerd.namespaces.GetNamespaceResponse;
import dev.berth.wire.containerd.namespaces.ListNamespacesRequest;
import dev.berth.wire.containerd.namespaces.ListNamespacesResponse;
import dev.berth.wire.containerd.namespaces.NamespacesGrpc;
import dev.berth.wire.containerd.namespaces.UpdateNamespaceRequest;
import dev.berth.wire.containerd.namespaces.UpdateNamespaceResponse;
import io.grpc.stub.StreamObserver;
import java.util.Map;

/** The namespaces. One that does not exist has no labels, and is made by whatever is first put into it. */
final class NamespacesService extends NamespacesGrpc.NamespacesImplBase {
    private final Store store;

    NamespacesService(Store store) {
        this.store = store;
    }

    @Override
    public void get(GetNamespaceRequest request, StreamObserver<GetNamespaceResponse> caller) {
        Calls.answer(caller, () -> {
            var name = new Namespace(request.getName());
            Map<String, String> labels = store.metadata()
                    .read(records -> records.namespaces().find(name).orElse(Map.of()));
            return GetNamespaceResponse.newBuilder()
                    .setNamespace(message(name, labels))
                    .build();
        });
    }

    @Override
    public void list(ListNamespacesRequest request, StreamObserver<ListNamespacesResponse> caller) {
        Calls.answer(
                caller,
                () -> store.metadata().read(records -> {
                    var answer = ListNamespacesResponse.newBuilder();
                    Namespaces all = records.namespaces();
                    all.list().forEach(name -> answer.addNamespaces(message(name, all.labels(name))));
                    return answer.build();
                }));
    }

    @Override
    public void create(CreateNamespaceRequest request, StreamObserver<CreateNamespaceResponse> caller) {
        Calls.answer(caller, () -> {
            var name = new Namespace(request.getNamespace().getName());
            Map<String, String> labels = request.getNamespace().getLabelsMap();
            store.metadata()
                    .apply(
                            Durability.POWER,
                            records -> records.namespaces()
                                    .create(name, LabelChange.merge(LabelChange.EVERY, Map.of(), labels)));
            return CreateNamespaceResponse.newBuilder()
                    .setNamespace(request.getNamespace())
                    .build();
        });
    }

    @Override
    public void update(UpdateNamespaceRequest request, StreamObserver<UpdateNamespaceResponse> caller) {
        Calls.answer(caller, () -> {
            var name = new Namespace(request.getNamespace().getName());
            Map<String, String> given = request.getNamespace().getLabelsMap();
            Map<String, String> now = store.metadata().write(Durability.POWER, records -> {
                Namespaces all = records.namespaces();
                Map<String, String> old = all.find(name).orElse(null);
                Map<String, String> merged = LabelChange.of(
                        "namespace " + name.name(),
                        request.getUpdateMask().getPathsList(),
                        old == null ? Map.of() : old,
                        given);
                if (old == null) {
                    all.create(name, merged);
                } else {
                    all.update(name, merged);
                }
                return merged;
            });
            return UpdateNamespaceResponse.newBuilder()
                    .setNamespace(message(name, now))
                    .build();
        });
    }

    @Override
    public void delete(DeleteNamespaceRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            Namespace name = known(request.getName());
            store.metadata()
                    .apply(Durability.POWER, records -> records.namespaces().delete(name));
            return Empty.getDefaultInstance();
        });
    }

    /** What cannot be a name is not there: whoever deletes it hears what he hears of any other that is gone. */
    private static Namespace known(String name) {
        try {
            return new Namespace(name);
        } catch (Fault e) {
            throw Fault.notFound("namespace " + name, "there is none of this name", "")
                    .causedBy(e);
        }
    }

    private static dev.berth.wire.containerd.namespaces.Namespace message(Namespace name, Map<String, String> labels) {
        return dev.berth.wire.containerd.namespaces.Namespace.newBuilder()
                .setName(name.name())
                .putAllLabels(labels)
                .build();
    }
}

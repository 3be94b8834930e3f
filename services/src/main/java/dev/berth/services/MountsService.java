package dev.berth.services;

import com.google.protobuf.Empty;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.wire.containerd.mounts.ActivateRequest;
import dev.berth.wire.containerd.mounts.ActivateResponse;
import dev.berth.wire.containerd.mounts.DeactivateRequest;
import dev.berth.wire.containerd.mounts.InfoRequest;
import dev.berth.wire.containerd.mounts.InfoResponse;
import dev.berth.wire.containerd.mounts.ListMessage;
import dev.berth.wire.containerd.mounts.ListRequest;
import dev.berth.wire.containerd.mounts.MountsGrpc;
import dev.berth.wire.containerd.mounts.UpdateRequest;
import dev.berth.wire.containerd.mounts.UpdateResponse;
import dev.berth.wire.shim.types.ActivationInfo;
import io.grpc.stub.StreamObserver;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Mounts that are made for clients. What they could as well do by mount(2) is theirs, unless they ask for it to be made here: as
 * containerd too has it.
 */
final class MountsService extends MountsGrpc.MountsImplBase {
    /** One activation is one message. */
    private static final int IN_ONE_MESSAGE = 1;

    private final Activations activations;

    MountsService(Activations activations) {
        this.activations = activations;
    }

    @Override
    public void activate(ActivateRequest request, StreamObserver<ActivateResponse> caller) {
        Calls.answer(caller, () -> {
            Namespace namespace = Headers.namespace();
            boolean simple = request.getMountsList().stream()
                    .allMatch(it -> it.getTarget().isEmpty());
            if (!request.getTemporary() || request.getMountsCount() == 0 || !simple) {
                throw Fault.of(
                        Fault.Code.UNIMPLEMENTED,
                        "activate mount " + request.getName(),
                        "none of its parts needs anything but the kernel",
                        "Mount it with mount(2)");
            }
            ActivationInfo wish = ActivationInfo.newBuilder()
                    .setName(request.getName())
                    .addAllSystem(request.getMountsList())
                    .putAllLabels(LabelChange.merge(LabelChange.EVERY, Map.of(), request.getLabelsMap()))
                    .build();
            return ActivateResponse.newBuilder()
                    .setInfo(activations.activate(namespace, Headers.lease(), wish))
                    .build();
        });
    }

    @Override
    public void deactivate(DeactivateRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            activations.deactivate(Headers.namespace(), request.getName());
            return Empty.getDefaultInstance();
        });
    }

    @Override
    public void info(InfoRequest request, StreamObserver<InfoResponse> caller) {
        Calls.answer(
                caller,
                () -> InfoResponse.newBuilder()
                        .setInfo(activations.get(Headers.namespace(), request.getName()))
                        .build());
    }

    @Override
    public void update(UpdateRequest request, StreamObserver<UpdateResponse> caller) {
        Calls.answer(caller, () -> {
            throw Fault.of(
                    Fault.Code.UNIMPLEMENTED,
                    "update mount " + request.getInfo().getName(),
                    "a mount that was made does not change",
                    "Deactivate it and activate another");
        });
    }

    @Override
    public void list(ListRequest request, StreamObserver<ListMessage> caller) {
        Calls.answer(
                caller,
                IN_ONE_MESSAGE,
                () -> {
                    Filters filters = Filters.parse(request.getFiltersList());
                    return activations.list(Headers.namespace()).stream()
                            .filter(info -> filters.show(path -> field(info, path)))
                            .map(info -> ListMessage.newBuilder().setInfo(info).build())
                            .toList();
                },
                List::getFirst);
    }

    private static Optional<String> field(ActivationInfo info, List<String> path) {
        return switch (path.getFirst()) {
            case "name" -> Optional.of(info.getName());
            case "labels" -> Filters.in(info.getLabelsMap(), path);
            default -> Optional.empty();
        };
    }
}

package dev.berth.services;

import dev.berth.images.Diffs;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.wire.containerd.diff.ApplyRequest;
import dev.berth.wire.containerd.diff.ApplyResponse;
import dev.berth.wire.containerd.diff.DiffGrpc;
import dev.berth.wire.containerd.diff.DiffRequest;
import dev.berth.wire.containerd.diff.DiffResponse;
import io.grpc.stub.StreamObserver;

/** Layers onto trees, and trees into layers. */
final class DiffService extends DiffGrpc.DiffImplBase {
    private final Diffs diffs;

    DiffService(Diffs diffs) {
        this.diffs = diffs;
    }

    @Override
    public void apply(ApplyRequest request, StreamObserver<ApplyResponse> caller) {
        Calls.answerWhileWanted(caller, () -> {
            Namespace namespace = Headers.namespace();
            Descriptor applied = diffs.apply(
                    namespace, Messages.descriptor(request.getDiff()), Messages.mountPoints(request.getMountsList()));
            return ApplyResponse.newBuilder()
                    .setApplied(Messages.descriptor(applied))
                    .build();
        });
    }

    @Override
    public void diff(DiffRequest request, StreamObserver<DiffResponse> caller) {
        Calls.answerWhileWanted(caller, () -> {
            var form = new Diffs.Form(
                    request.getMediaType(),
                    request.getLabelsMap(),
                    request.hasSourceDateEpoch() ? Messages.instant(request.getSourceDateEpoch()) : null,
                    Headers.lease());
            Descriptor made = diffs.create(
                    Headers.namespace(),
                    Messages.mountPoints(request.getLeftList()),
                    Messages.mountPoints(request.getRightList()),
                    form);
            return DiffResponse.newBuilder().setDiff(Messages.descriptor(made)).build();
        });
    }
}

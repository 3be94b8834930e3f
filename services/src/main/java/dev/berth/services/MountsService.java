package dev.berth.services;

import com.google.protobuf.Empty;
import dev.berth.kernel.Fault;
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
import io.grpc.stub.StreamObserver;
import java.util.List;

/**
 * Mounts that need more than a call of the kernel: an image formatted into a file, a directory made first. Ours never do, and then
 * containerd too answers a client that it is to mount them itself.
 */
final class MountsService extends MountsGrpc.MountsImplBase {
    private static final int IN_ONE_MESSAGE = 100;

    @Override
    public void activate(ActivateRequest request, StreamObserver<ActivateResponse> caller) {
        Calls.answer(caller, () -> {
            Headers.namespace();
            throw unimplemented("activate mount " + request.getName(), "Mount it with mount(2)");
        });
    }

    @Override
    public void deactivate(DeactivateRequest request, StreamObserver<Empty> caller) {
        Calls.answer(caller, () -> {
            Headers.namespace();
            throw notFound(request.getName());
        });
    }

    @Override
    public void info(InfoRequest request, StreamObserver<InfoResponse> caller) {
        Calls.answer(caller, () -> {
            Headers.namespace();
            throw notFound(request.getName());
        });
    }

    @Override
    public void update(UpdateRequest request, StreamObserver<UpdateResponse> caller) {
        Calls.answer(caller, () -> {
            throw unimplemented("update mount " + request.getInfo().getName(), "");
        });
    }

    @Override
    public void list(ListRequest request, StreamObserver<ListMessage> caller) {
        Calls.answer(
                caller,
                IN_ONE_MESSAGE,
                () -> {
                    Headers.namespace();
                    return List.<ListMessage>of();
                },
                List::getFirst);
    }

    private static Fault unimplemented(String what, String remedy) {
        return Fault.of(Fault.Code.UNIMPLEMENTED, what, "none of its parts needs anything but the kernel", remedy);
    }

    private static Fault notFound(String name) {
        return Fault.notFound("mount " + name, "there is none", "");
    }
}

package dev.berth.cri.grpc;

import dev.berth.cri.Cri;
import dev.berth.cri.streaming.Session.Wanted;
import dev.berth.cri.streaming.StreamingServer;
import dev.berth.wire.cri.AttachRequest;
import dev.berth.wire.cri.AttachResponse;
import dev.berth.wire.cri.ExecRequest;
import dev.berth.wire.cri.ExecResponse;
import dev.berth.wire.cri.PortForwardRequest;
import dev.berth.wire.cri.PortForwardResponse;
import io.grpc.stub.StreamObserver;
import java.util.List;

/** The calls that are answered with a URL. */
final class StreamEdge {
    private final Cri cri;
    private final StreamingServer streaming;

    StreamEdge(Cri cri, StreamingServer streaming) {
        this.cri = cri;
        this.streaming = streaming;
    }

    void exec(ExecRequest request, StreamObserver<ExecResponse> caller) {
        var wanted = new Wanted(request.getStdin(), request.getStdout(), request.getStderr(), request.getTty());
        Calls.answer("Exec", caller, () -> {
            var session = cri.streams().exec(request.getContainerId(), List.copyOf(request.getCmdList()), wanted);
            return ExecResponse.newBuilder().setUrl(streaming.url(session)).build();
        });
    }

    void attach(AttachRequest request, StreamObserver<AttachResponse> caller) {
        var wanted = new Wanted(request.getStdin(), request.getStdout(), request.getStderr(), request.getTty());
        Calls.answer("Attach", caller, () -> {
            var session = cri.streams().attach(request.getContainerId(), wanted);
            return AttachResponse.newBuilder().setUrl(streaming.url(session)).build();
        });
    }

    void portForward(PortForwardRequest request, StreamObserver<PortForwardResponse> caller) {
        Calls.answer("PortForward", caller, () -> {
            var session = cri.streams().portForward(request.getPodSandboxId(), List.copyOf(request.getPortList()));
            return PortForwardResponse.newBuilder()
                    .setUrl(streaming.url(session))
                    .build();
        });
    }
}

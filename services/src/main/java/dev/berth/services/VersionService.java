package dev.berth.services;

import com.google.protobuf.Empty;
import dev.berth.wire.containerd.version.VersionGrpc;
import dev.berth.wire.containerd.version.VersionResponse;
import io.grpc.stub.StreamObserver;

/** Which program answers. */
final class VersionService extends VersionGrpc.VersionImplBase {
    private final String version;

    VersionService(String version) {
        this.version = version;
    }

    @Override
    public void version(Empty request, StreamObserver<VersionResponse> caller) {
        Calls.answer(
                caller,
                () -> VersionResponse.newBuilder()
                        .setVersion(version)
                        .setRevision("berth")
                        .build());
    }
}

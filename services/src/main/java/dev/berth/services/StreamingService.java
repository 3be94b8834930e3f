package dev.berth.services;

import com.google.protobuf.Any;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.wire.containerd.streaming.StreamingGrpc;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;

/** The side channels of long calls: what is imported, what is exported, how far it is, who may have a login. */
final class StreamingService extends StreamingGrpc.StreamingImplBase {
    private final Streams streams;

    StreamingService(Streams streams) {
        this.streams = streams;
    }

    @Override
    public StreamObserver<Any> stream(StreamObserver<Any> caller) {
        var call = (ServerCallStreamObserver<Any>) caller;
        try {
            return new ClientStream(
                    streams, Headers.optionalNamespace().map(Namespace::name).orElse(""), call);
        } catch (Fault e) { // of its headers
            return Calls.refuse(caller, e);
        }
    }
}

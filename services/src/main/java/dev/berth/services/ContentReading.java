package dev.berth.services;

import com.google.protobuf.ByteString;
import dev.berth.kernel.Fault;
import dev.berth.store.Blobs;
import dev.berth.wire.containerd.content.ReadContentResponse;
import io.grpc.stub.ServerCallStreamObserver;
import java.nio.ByteBuffer;

/** One call of Read: as fast as the client takes it, piece by piece. */
final class ContentReading {
    private static final int PIECE_BYTES = 1 << 18;

    private final Blobs.Reader blob;
    private final ServerCallStreamObserver<ReadContentResponse> client;
    private final long start;
    private final long end;
    private long at;
    private boolean over;

    /** Takes the blob over, and closes it in the end. */
    private ContentReading(
            Blobs.Reader blob, ServerCallStreamObserver<ReadContentResponse> client, long start, long end) {
        this.blob = blob;
        this.client = client;
        this.start = start;
        this.end = end;
        this.at = start;
    }

    /**
     * Begins to send.
     *
     * @param size bytes; 0 or less for all, and more than there are for the rest
     * @throws Fault OUT_OF_RANGE if the offset is behind the end
     */
    static void start(Blobs.Reader blob, long offset, long size, ServerCallStreamObserver<ReadContentResponse> client) {
        long start = Math.max(0, offset);
        if (start > blob.size()) {
            blob.close();
            throw Fault.of(
                    Fault.Code.OUT_OF_RANGE,
                    "read " + blob.blob().digest() + " at " + offset,
                    "it has " + blob.size() + " bytes",
                    "");
        }
        long end = size <= 0 || size > blob.size() - start ? blob.size() : start + size;
        var reading = new ContentReading(blob, client, start, end);
        client.setOnCancelHandler(reading::finish);
        client.setOnReadyHandler(reading::send);
        reading.send();
    }

    private void send() {
        try {
            while (!over && client.isReady()) {
                if (at == end) {
                    finish();
                    client.onCompleted();
                } else {
                    piece();
                }
            }
        } catch (RuntimeException e) {
            finish();
            Calls.fail(client, e);
        }
    }

    private void piece() {
        ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(PIECE_BYTES, end - at));
        int count = blob.read(buffer, at);
        if (count < 0) {
            throw Fault.of(Fault.Code.DATA_LOSS, "read " + blob.blob().digest(), "it became shorter", "");
        }
        client.onNext(ReadContentResponse.newBuilder()
                .setOffset(at - start)
                .setData(ByteString.copyFrom(buffer.flip()))
                .build());
        at += count;
    }

    private void finish() {
        if (!over) {
            over = true;
            blob.close();
        }
    }
}

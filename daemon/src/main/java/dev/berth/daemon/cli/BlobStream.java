package dev.berth.daemon.cli;

import dev.berth.oci.Digest;
import dev.berth.wire.containerd.content.ReadContentRequest;
import dev.berth.wire.containerd.content.ReadContentResponse;
import io.grpc.Context;
import io.grpc.Context.CancellableContext;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Iterator;

/** The bytes of a blob, as the daemon sends them. Failures of the call leave {@code read} as they are. */
final class BlobStream extends InputStream {
    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    private final CancellableContext call;
    private final Iterator<ReadContentResponse> messages;
    private ByteBuffer current = NOTHING;

    private BlobStream(CancellableContext call, Iterator<ReadContentResponse> messages) {
        this.call = call;
        this.messages = messages;
    }

    /** Asks for a blob; that there is none is told by the first read. */
    static BlobStream open(DaemonClient daemon, Digest digest) {
        CancellableContext call = Context.current().withCancellation();
        var request =
                ReadContentRequest.newBuilder().setDigest(digest.toString()).build();
        Context before = call.attach();
        try {
            return new BlobStream(call, daemon.content().read(request));
        } finally {
            call.detach(before);
        }
    }

    @Override
    public int read() {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int from, int length) {
        if (length == 0) {
            return 0;
        }
        while (!current.hasRemaining()) {
            if (!messages.hasNext()) {
                return -1;
            }
            current = messages.next().getData().asReadOnlyByteBuffer();
        }
        int count = Math.min(length, current.remaining());
        current.get(into, from, count);
        return count;
    }

    @Override
    public void close() {
        call.cancel(null);
    }
}

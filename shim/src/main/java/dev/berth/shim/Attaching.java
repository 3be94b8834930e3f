package dev.berth.shim;

import com.google.protobuf.ByteString;
import dev.berth.shim.stdio.Tap;
import dev.berth.ttrpc.Call;
import dev.berth.ttrpc.Service;
import dev.berth.ttrpc.TtrpcStatus;
import dev.berth.wire.shim.supervisor.AttachOutput;
import dev.berth.wire.shim.supervisor.AttachRequest;
import java.util.concurrent.Semaphore;

/** Answers the call Attach: one piece of output for each message of the client. */
final class Attaching {
    private final Outputs outputs;

    Attaching(Outputs outputs) {
        this.outputs = outputs;
    }

    void attach(Call call, Service.In in, Service.Out out) throws InterruptedException {
        byte[] first = in.receive();
        AttachRequest request = Edge.parse(AttachRequest.parser(), call, first == null ? new byte[0] : first);
        String name = PumpRecord.name(new TaskKey(request.getNamespace(), request.getId()), "");
        var asked = new Semaphore(0);
        try (Tap tap = outputs.tap(name)) {
            out.send(AttachOutput.getDefaultInstance().toByteArray());
            Thread listener = Thread.ofVirtual().name("attached to " + name).start(() -> listen(in, asked, tap));
            try {
                asked.acquire();
                for (Tap.Piece piece = tap.next(); piece != null; piece = tap.next()) {
                    out.send(message(piece));
                    asked.acquire();
                }
            } finally {
                listener.interrupt();
                listener.join();
            }
        }
    }

    /** Counts what the client asks for, until it has gone. */
    private static void listen(Service.In in, Semaphore asked, Tap tap) {
        try {
            while (in.receive() != null) {
                asked.release();
            }
        } catch (TtrpcStatus e) {
            Thread.currentThread().interrupt(); // the connection is lost, or the call has ended: the same here
        } finally {
            tap.close();
            asked.release();
        }
    }

    private static byte[] message(Tap.Piece piece) {
        ByteString bytes = ByteString.copyFrom(piece.bytes());
        var output = AttachOutput.newBuilder().setLost(piece.lost());
        return (piece.isError() ? output.setStderr(bytes) : output.setStdout(bytes))
                .build()
                .toByteArray();
    }
}

package dev.berth.daemon.cli;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.berth.kernel.Fault;
import dev.berth.wire.containerd.transfertypes.Data;
import dev.berth.wire.containerd.transfertypes.WindowUpdate;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.Semaphore;

/** Archives on their way to and from the daemon: neither side sends more than the other has said that there is room for. */
final class Archive {
    private static final int CHUNK = 1 << 16;
    private static final int WINDOW = 1 << 20;

    private Archive() {}

    /** Room that the daemon has given. */
    static final class Room implements SideStream.Receiver {
        private final Semaphore bytes = new Semaphore(0);

        @Override
        public void got(SideStream stream, Any message) throws IOException {
            if (SideStream.type(message).equals("WindowUpdate")) {
                bytes.release(WindowUpdate.parseFrom(message.getValue()).getUpdate());
            }
        }

        /** Sends everything, or until the daemon wants no more: why, the transfer itself says. */
        void send(InputStream archive, SideStream to) throws InterruptedException {
            try {
                byte[] chunk = new byte[CHUNK];
                for (int got = archive.read(chunk); got >= 0; got = archive.read(chunk)) {
                    while (!bytes.tryAcquire(got, 100, java.util.concurrent.TimeUnit.MILLISECONDS)) {
                        if (to.hasEnded()) {
                            return;
                        }
                    }
                    to.send(Data.newBuilder()
                            .setData(ByteString.copyFrom(chunk, 0, got))
                            .build());
                }
                to.sendEnd();
            } catch (IOException e) {
                to.close();
                throw Fault.unavailable("read the archive", String.valueOf(e.getMessage()), "")
                        .causedBy(e);
            }
        }
    }

    /** Writes what the daemon sends. */
    record Sink(OutputStream out) implements SideStream.Receiver {
        /** Lets the daemon begin. */
        static SideStream open(DaemonClient daemon, OutputStream out) throws InterruptedException {
            SideStream stream = SideStream.open(daemon, new Sink(out));
            stream.send(WindowUpdate.newBuilder().setUpdate(WINDOW).build());
            return stream;
        }

        @Override
        public void got(SideStream stream, Any message) throws IOException {
            if (SideStream.type(message).equals("Data")) {
                ByteString data = Data.parseFrom(message.getValue()).getData();
                data.writeTo(out);
                stream.send(WindowUpdate.newBuilder().setUpdate(data.size()).build());
            }
        }
    }
}

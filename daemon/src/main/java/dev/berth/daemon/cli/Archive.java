package dev.berth.daemon.cli;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.berth.kernel.Fault;
import dev.berth.wire.containerd.transfertypes.Data;
import dev.berth.wire.containerd.transfertypes.WindowUpdate;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

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

        /** Where an archive is to be written to reach the daemon. */
        OutputStream to(SideStream stream) {
            return new OutputStream() {
                @Override
                public void write(int one) throws IOException {
                    write(new byte[] {(byte) one}, 0, 1);
                }

                @Override
                public void write(byte[] from, int start, int length) throws IOException {
                    for (int at = start; at < start + length; at += CHUNK) {
                        int some = Math.min(CHUNK, start + length - at);
                        await(some, stream);
                        stream.send(Data.newBuilder()
                                .setData(ByteString.copyFrom(from, at, some))
                                .build());
                    }
                }
            };
        }

        private void await(int some, SideStream stream) throws IOException {
            try {
                while (!bytes.tryAcquire(some, 100, TimeUnit.MILLISECONDS)) {
                    if (stream.hasEnded()) {
                        throw new NotWantedException();
                    }
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted");
            }
        }
    }

    /** The daemon wants no more of it: why, the transfer itself says. */
    static final class NotWantedException extends IOException {
        private static final long serialVersionUID = 1;
    }

    /** Something that can be sent as an archive. */
    interface Source {
        void copyTo(OutputStream archive) throws IOException;
    }

    /** Sends one. What fails on this side is worth more than what the daemon then says. */
    static final class Sending implements Runnable {
        private final Source source;
        private final Room room;
        private final SideStream stream;
        private volatile @Nullable Fault failure;

        Sending(Source source, Room room, SideStream stream) {
            this.source = source;
            this.room = room;
            this.stream = stream;
        }

        @Override
        public void run() {
            try {
                var archive = new BufferedOutputStream(room.to(stream), CHUNK);
                source.copyTo(archive);
                archive.flush();
                stream.sendEnd();
            } catch (NotWantedException e) {
                stream.close();
            } catch (IOException e) {
                fail(Fault.unavailable("read the archive", e.toString(), "").causedBy(e));
            } catch (Fault e) {
                fail(e);
            }
        }

        private void fail(Fault fault) {
            failure = fault;
            stream.close();
        }

        /** @throws Fault if it could not be read */
        void requireSound() {
            Fault fault = failure;
            if (fault != null) {
                throw fault;
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

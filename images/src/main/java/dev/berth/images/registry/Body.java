package dev.berth.images.registry;

import java.io.ByteArrayInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.http.HttpRequest;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import java.util.function.Supplier;

/** The body of a request. It can be sent more than once, each time from its beginning, and knows how far it is. */
final class Body implements AutoCloseable {
    private final long length;
    private final Supplier<InputStream> source;
    private final boolean secret;
    private final LongConsumer progress;
    private final AtomicLong moved = new AtomicLong();
    private volatile boolean gone;
    private final Queue<InputStream> opened = new ConcurrentLinkedQueue<>();

    private Body(long length, Supplier<InputStream> source, boolean secret, LongConsumer progress) {
        this.length = length;
        this.source = source;
        this.secret = secret;
        this.progress = progress;
        this.gone = length == 0;
    }

    /** Bytes that are no secret. */
    static Body of(byte[] bytes) {
        return new Body(bytes.length, () -> new ByteArrayInputStream(bytes), false, sent -> {});
    }

    /** Bytes that only the host may see which they are addressed to. */
    static Body secret(byte[] bytes) {
        return new Body(bytes.length, () -> new ByteArrayInputStream(bytes), true, sent -> {});
    }

    /**
     * Bytes that are too many to be kept in memory.
     *
     * @param source opened for each sending; closed by the sender
     * @param progress is told how many bytes of this sending are on their way
     */
    static Body of(long length, Supplier<InputStream> source, LongConsumer progress) {
        return new Body(length, source, false, progress);
    }

    long length() {
        return length;
    }

    /** Whether all of it has been handed over in the last sending. */
    boolean isGone() {
        return gone;
    }

    boolean isSecret() {
        return secret;
    }

    /** Bytes that were handed over in all sendings together; it stands still if the other side does not read. */
    long moved() {
        return moved.get();
    }

    HttpRequest.BodyPublisher publisher() {
        return length == 0
                ? HttpRequest.BodyPublishers.noBody()
                : HttpRequest.BodyPublishers.fromPublisher(
                        HttpRequest.BodyPublishers.ofInputStream(this::open), length);
    }

    private InputStream open() {
        InputStream stream = new Counting(source.get());
        opened.add(stream);
        gone = false;
        return stream;
    }

    /** Closes what was opened for sending: the JDK does not if the sending fails. */
    @Override
    public void close() {
        for (InputStream stream = opened.poll(); stream != null; stream = opened.poll()) {
            try {
                stream.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private final class Counting extends FilterInputStream {
        private long sent;

        Counting(InputStream from) {
            super(from);
        }

        @Override
        public int read() throws IOException {
            int one = sent == length ? -1 : super.read();
            count(one < 0 ? 0 : 1);
            return one;
        }

        @Override
        public int read(byte[] into, int from, int most) throws IOException {
            if (sent == length) {
                return -1; // the source may have more, for the next piece
            }
            int got = super.read(into, from, (int) Math.min(most, length - sent));
            count(Math.max(got, 0));
            return got;
        }

        private void count(int more) {
            sent += more;
            moved.addAndGet(more);
            gone = sent == length;
            progress.accept(sent);
        }
    }
}

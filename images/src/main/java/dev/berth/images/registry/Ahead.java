package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The next pieces of a blob, each fetched over a connection of its own while those before it are read. A piece is kept whole if need
 * be, so that it never waits for its reader while it has a place at the host. For one reader.
 */
final class Ahead {
    private static final Logger LOG = LoggerFactory.getLogger(Ahead.class);

    private final Wanted wanted;
    private final Connections connections;
    private final Semaphore memory;
    private final Deque<Piece> pieces = new ArrayDeque<>();

    /** @param memory how many pieces there may be in all */
    Ahead(Wanted wanted, Connections connections, Semaphore memory) {
        this.wanted = wanted;
        this.connections = connections;
        this.memory = memory;
    }

    private sealed interface Arrival {
        record Bytes(ByteBuffer buffer) implements Arrival {}

        record End() implements Arrival {}

        record Failed() implements Arrival {}
    }

    private static final class Piece {
        private final long begin;
        private final long end;
        private final BlockingQueue<Arrival> arrivals = new LinkedBlockingQueue<>();
        private volatile boolean answered;
        private volatile boolean failed;
        private @Nullable Thread thread;

        Piece(long begin, long end) {
            this.begin = begin;
            this.end = end;
        }
    }

    boolean isEmpty() {
        return pieces.isEmpty();
    }

    /** Where the first piece begins; there must be one. */
    long begin() {
        return pieces.element().begin;
    }

    /** Whether bytes of the first piece are coming, or have come. */
    boolean answers() {
        Piece first = pieces.peek();
        return first != null && first.answered;
    }

    /** Whether the first piece cannot be had. */
    boolean hasFailed() {
        Piece first = pieces.peek();
        return first != null && first.failed;
    }

    /** Begins with a piece somewhere, if there is memory for it. */
    boolean begin(long at) {
        if (at >= wanted.size() || !memory.tryAcquire()) {
            return false;
        }
        Piece piece = new Piece(at, Math.min(at + connections.pieceBytes(), wanted.size()));
        pieces.add(piece);
        piece.thread = Thread.ofVirtual().name("piece").start(() -> fetch(piece));
        return true;
    }

    /** Begins with as many more as there may be, after those that there are. */
    void fill(int most) {
        while (pieces.size() < most && begin(pieces.getLast().end)) {
            // the next
        }
    }

    private void fetch(Piece piece) {
        try (Span span = new Span(wanted, piece.begin, piece.end, true)) {
            span.open();
            piece.answered = true;
            for (ByteBuffer bytes = span.next(); bytes != null; bytes = span.next()) {
                piece.arrivals.add(new Arrival.Bytes(bytes));
            }
            piece.arrivals.add(new Arrival.End());
        } catch (Fault e) { // told to nobody: who reads asks for the same bytes once more
            LOG.debug("{}: bytes {} to {}: {}", wanted.what(), piece.begin, piece.end, e.getMessage());
        } finally {
            piece.failed = true; // has no meaning after the end
            piece.arrivals.add(new Arrival.Failed());
        }
    }

    /**
     * The next bytes of the first piece, or of that after it.
     *
     * @return null if there is no more piece, or the first has failed: then all are dropped
     */
    @Nullable
    ByteBuffer take() throws InterruptedException {
        for (Piece first = pieces.peek(); first != null; first = pieces.peek()) {
            switch (first.arrivals.take()) {
                case Arrival.Bytes(var buffer) -> {
                    return buffer;
                }
                case Arrival.End() -> {
                    fill(pieces.size() + 1);
                    pieces.remove();
                    memory.release();
                }
                case Arrival.Failed() -> drop();
            }
        }
        return null;
    }

    /** Gives all pieces up. */
    void drop() {
        for (Piece piece = pieces.poll(); piece != null; piece = pieces.poll()) {
            Thread thread = piece.thread;
            if (thread != null) {
                thread.interrupt();
            }
            memory.release();
        }
    }
}

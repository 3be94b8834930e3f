package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of a blob, in order, from wherever they can be had. One connection brings them as long as it is fast enough; if it is
 * not, others bring the pieces that come next (see {@link Connections}). Exactly as many bytes as the descriptor says; whether they are the
 * right ones is for the reader to hash. For one thread.
 */
public final class Blob implements AutoCloseable {
    private final Wanted wanted;
    private final Connections connections;
    private final Ticker ticker;
    private final Ahead ahead;
    private final byte @Nullable [] embedded;
    private Span head;
    private boolean pieces; // they are read, and not the head
    private boolean alone; // the host does not give pieces
    private long position;

    private long since; // when the head's bytes began to be counted
    private long waited; // for them, in nanoseconds
    private long counted; // bytes

    Blob(Wanted wanted, long from, Downloads downloads) {
        this.wanted = wanted;
        this.connections = downloads.connections();
        this.ticker = downloads.ticker();
        this.position = from;
        this.embedded = Embedded.bytes(wanted.descriptor()).orElse(null);
        this.head = new Span(wanted, from, wanted.size(), false);
        this.ahead = new Ahead(wanted, connections, downloads.memory());
    }

    /**
     * The next bytes; null when all have come.
     *
     * @throws Fault UNAVAILABLE if the registry stays silent, FAILED_PRECONDITION if it offers another length than the descriptor's,
     *     NOT_FOUND if it does not have the blob, CANCELLED if interrupted
     */
    public @Nullable ByteBuffer next() {
        if (position == wanted.size()) {
            return null;
        }
        ByteBuffer bytes = embedded == null ? received() : rest(embedded);
        position += bytes.remaining();
        return bytes;
    }

    private ByteBuffer rest(byte[] whole) {
        return ByteBuffer.wrap(whole, Math.toIntExact(position), whole.length - Math.toIntExact(position));
    }

    /** Where the next bytes belong. */
    public long position() {
        return position;
    }

    private ByteBuffer received() {
        if (!pieces && !ahead.isEmpty() && position == ahead.begin()) {
            meet();
        }
        ByteBuffer bytes = pieces ? ofPieces() : null;
        return bytes == null ? ofHead() : bytes;
    }

    /** The head has come to where the first piece begins. */
    private void meet() {
        pieces = ahead.answers();
        if (pieces) {
            head.close();
        } else {
            ahead.drop(); // the head was there first
            head.endAt(wanted.size());
        }
    }

    private @Nullable ByteBuffer ofPieces() {
        try {
            ByteBuffer bytes = ahead.take();
            if (bytes == null) {
                pieces = false;
                head = new Span(wanted, position, wanted.size(), false);
                since = 0;
                waited = 0;
                counted = 0;
            } else {
                ahead.fill(connections.perBlob());
            }
            return bytes;
        } catch (InterruptedException e) {
            throw Hosts.cancelled(wanted.what(), e);
        }
    }

    private ByteBuffer ofHead() {
        long before = ticker.nanos();
        ByteBuffer bytes = head.next();
        if (bytes == null) {
            throw Fault.internal(wanted.what(), "a part of a blob has no end", "");
        }
        long now = ticker.nanos();
        if (since == 0) {
            since = now; // until its first bytes came it was on its way
        } else {
            waited += now - before;
            counted += bytes.remaining();
        }
        lookAhead(position + bytes.remaining(), now);
        return bytes;
    }

    private void lookAhead(long next, long now) {
        if (ahead.answers()) {
            ahead.fill(connections.perBlob() - 1);
        } else if (ahead.hasFailed()) {
            alone = true;
            ahead.drop();
            head.endAt(wanted.size());
        } else if (ahead.isEmpty() && now - since >= connections.look().toNanos()) {
            long at = next + connections.pieceBytes();
            if (isSlow(now - since) && !alone && ahead.begin(at)) {
                head.endAt(at);
            }
            since = now;
            waited = 0;
            counted = 0;
        }
    }

    /** Whether the reader mostly waits, and for little. */
    private boolean isSlow(long elapsed) {
        return connections.perBlob() > 1 && 2 * waited > elapsed && counted < connections.fast() * (elapsed / 1e9);
    }

    @Override
    public void close() {
        ahead.drop();
        head.close();
    }
}

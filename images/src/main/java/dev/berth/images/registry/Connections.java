package dev.berth.images.registry;

import java.time.Duration;

/**
 * Over how many connections bodies are read. A blob comes over one, until that turns out to bring it slower than the machine could
 * take it: the way is long, or the server gives so much to each connection and no more.
 *
 * @param perHost bodies that are read from one host at the same time, by all pulls together; as many are sent to it
 * @param perBlob connections for one blob at the most; 1 for never more
 * @param pieceBytes what each of them fetches at a time; it is kept in memory until its turn comes
 * @param fast bytes in a second at which one connection is left alone
 * @param look how long a connection is looked at before more are opened
 */
public record Connections(int perHost, int perBlob, long pieceBytes, long fast, Duration look) {
    public static final Connections DEFAULT = new Connections(16, 4, 2 << 20, 16 << 20, Duration.ofSeconds(1));

    private static final long MEMORY_BYTES = 32 << 20;

    public Connections withPerHost(int most) {
        return new Connections(most, perBlob, pieceBytes, fast, look);
    }

    /** How many pieces there may be in memory at the same time, of all blobs together. */
    int piecesInAll() {
        return perBlob <= 1 ? 0 : (int) Math.max(1, MEMORY_BYTES / pieceBytes);
    }
}

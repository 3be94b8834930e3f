package dev.berth.images;

import dev.berth.oci.Digest;

/**
 * Keeps what its owner relies on and no record leads to yet: between the look whether a blob is there and the record of it, for
 * instance. For one thread; ends when it is closed, and with this process.
 */
public interface Keeping extends AutoCloseable {
    /** Keeps content, whether it is there or not yet. */
    void blob(Digest digest);

    /** Keeps a snapshot, whether it is there or not yet. */
    void snapshot(String key);

    @Override
    void close();
}

package dev.berth.store;

import dev.berth.oci.Digest;
import java.time.Instant;

/**
 * Some content in the store.
 *
 * @param size bytes
 * @param storedAt when its last byte was written
 */
public record Blob(Digest digest, long size, Instant storedAt) {}

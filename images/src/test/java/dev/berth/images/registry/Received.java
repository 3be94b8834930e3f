package dev.berth.images.registry;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Random;

/** What came of a blob, and what it may be made of. */
final class Received {
    private Received() {}

    /** All bytes of a blob, which is closed then. */
    static byte[] all(Blob blob) {
        var all = new ByteArrayOutputStream();
        try (blob) {
            for (ByteBuffer part = blob.next(); part != null; part = blob.next()) {
                byte[] copy = new byte[part.remaining()];
                part.get(copy);
                all.writeBytes(copy);
            }
        }
        return all.toByteArray();
    }

    /** Bytes that cannot be packed, always the same. */
    static byte[] noise(int size) {
        byte[] bytes = new byte[size];
        new Random(4711).nextBytes(bytes);
        return bytes;
    }
}

package dev.berth.images.registry;

import dev.berth.kernel.Ticker;
import dev.berth.oci.Digest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpHeaders;
import java.nio.ByteBuffer;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What a host answered: its head is here, its body is still to come and must be closed.
 *
 * @param from the address that answered, after redirects
 */
record Answer(int status, HttpHeaders headers, URI from, BodyStream body) implements AutoCloseable {
    private static final Ticker TICKER = Ticker.system();

    /** Whether what was sent has been taken; registries do not agree which of these says so. */
    boolean isTaken() {
        return status == 200 || status == 201 || status == 202 || status == 204;
    }

    /** Whether something else has been taken, by the word of who took it. Of another algorithm's digest nothing can be said. */
    boolean tookOther(Digest sent) {
        String took = header("Docker-Content-Digest");
        return took.startsWith(sent.algorithm() + ":") && !took.equals(sent.toString());
    }

    /** A header, empty if there is none. */
    String header(String name) {
        return headers.firstValue(name).orElse("");
    }

    /** Whether the bytes are, by its own word, not those that are kept there. */
    boolean isEncoded() {
        String encoding = header("Content-Encoding");
        return !encoding.isEmpty() && !encoding.equalsIgnoreCase("identity");
    }

    /** The length announced; -1 if none. */
    long length() {
        return headers.firstValueAsLong("Content-Length").orElse(-1);
    }

    /**
     * The whole body.
     *
     * @param stall as in {@link BodyStream#next}; all of it has twice that
     * @return null if it is longer than the limit
     */
    byte @Nullable [] bytes(int limit, Duration stall) throws IOException, InterruptedException {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        long end = TICKER.nanos() + stall.multipliedBy(2).toNanos();
        for (ByteBuffer part = body.next(stall); part != null; part = body.next(stall)) {
            if (TICKER.nanos() - end > 0) {
                throw new IOException("not all of it came within " + stall.toMillis() * 2 / 1000.0 + " s");
            }
            if (whole.size() + part.remaining() > limit) {
                return null;
            }
            byte[] copy = new byte[part.remaining()];
            part.get(copy);
            whole.writeBytes(copy);
        }
        return whole.toByteArray();
    }

    @Override
    public void close() {
        body.close();
    }
}

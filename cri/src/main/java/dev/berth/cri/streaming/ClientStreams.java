package dev.berth.cri.streaming;

import java.io.InputStream;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/**
 * The client's ends of the streams; null where it wanted none. Reads and writes wait for the client. When it is gone,
 * writes fail and so do reads, whereas an end of its input is an ordinary end.
 */
public record ClientStreams(
        @Nullable InputStream stdin,
        @Nullable OutputStream stdout,
        @Nullable OutputStream stderr,
        @Nullable TerminalSizes sizes,
        Presence client) {

    /** Whether the client is there. */
    public interface Presence {
        /** Waits until it is not. */
        void awaitGone() throws InterruptedException;
    }
}

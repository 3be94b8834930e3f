package dev.berth.ttrpc;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/** What a handler can know about the call that it answers. */
public final class Call {
    private final Envelope.Request request;
    private final Supplier<Duration> remaining;
    private volatile boolean interruptible;
    private volatile boolean gone;
    private final Thread thread = Thread.currentThread();

    Call(Envelope.Request request, Supplier<Duration> remaining) {
        this.request = request;
        this.remaining = remaining;
    }

    public String service() {
        return request.service();
    }

    public String method() {
        return request.method();
    }

    public Map<String, List<String>> metadata() {
        return request.metadata();
    }

    /** The first value of a metadata key. */
    public Optional<String> metadata(String key) {
        return request.metadata().getOrDefault(key, List.of()).stream().findFirst();
    }

    /** Time that the client still waits for the answer; {@link TtrpcClient#FOREVER} if it set no limit. */
    public Duration remaining() {
        return remaining.get();
    }

    /**
     * Asks for an interrupt of the handler's thread when the client goes. Without it a call runs to its end, because what a
     * client has begun should not be left half-done only because it died. Meant for handlers that only wait.
     */
    public void interruptWhenGone() {
        interruptible = true;
        if (gone) {
            thread.interrupt();
        }
    }

    void gone(boolean force) {
        gone = true;
        if (interruptible || force) {
            thread.interrupt();
        }
    }
}

package dev.berth.images.registry;

import dev.berth.kernel.Pauses;
import java.time.Duration;

/**
 * How long a registry may take, and how often it is asked again.
 *
 * @param connect until the connection stands; a hosts.toml may say otherwise for a host
 * @param answer from the request to the first byte of the answer; ten times that if the request brought something to be kept
 * @param stall without a byte while an answer is read; a document has twice that in all
 * @param attempts how often one thing is tried in all, counted anew whenever bytes arrived
 * @param pauses between attempts, with jitter; the longest is also the limit of what a registry may ask for by Retry-After
 */
public record Patience(Duration connect, Duration answer, Duration stall, int attempts, Pauses pauses) {

    /** What suits registries on the internet. */
    public static final Patience DEFAULT = new Patience(
            Duration.ofSeconds(15),
            Duration.ofSeconds(30),
            Duration.ofSeconds(60),
            5,
            new Pauses(Duration.ofMillis(250), Duration.ofSeconds(30)));

    private static final long LEAST_BYTES_PER_SECOND = 1024;

    /** What must come in the time that may pass without a byte: who drips holds up others as one who is silent does. */
    long leastBytes() {
        return leastBytes(stall);
    }

    static long leastBytes(Duration time) {
        return Math.max(1, time.toMillis() * LEAST_BYTES_PER_SECOND / 1000);
    }

    /** From the last byte of a request that brought something to the answer: it is hashed, and moved to where it stays. */
    Duration longAnswer() {
        return answer.multipliedBy(10);
    }

    /**
     * The same, for downloads that may bring no byte for a time. A connection that is silent for a part of it is replaced by another.
     */
    public Patience withProgress(Duration longestSilence) {
        Duration silence = longestSilence.dividedBy(attempts);
        Duration head = silence.compareTo(answer) < 0 ? silence : answer;
        return new Patience(connect, head, silence, attempts, pauses);
    }
}

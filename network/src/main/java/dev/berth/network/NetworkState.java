package dev.berth.network;

/**
 * Whether pods can be connected, in the words of CRI's NetworkReady condition.
 *
 * @param reason one word for programs, empty if ready
 * @param message for people: what is wrong and what to do; empty if ready
 */
public record NetworkState(boolean ready, String reason, String message) {
    public static final NetworkState READY = new NetworkState(true, "", "");

    /** A state in which pods must wait. */
    public static NetworkState notReady(String reason, String message) {
        return new NetworkState(false, reason, message);
    }
}

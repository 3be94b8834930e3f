package dev.berth.cri.streaming;

import java.util.List;

/** What a URL stands for. */
public sealed interface Session {
    /**
     * A process to talk to.
     *
     * @param kind the word in the URL, exec or attach
     */
    record Command(String kind, Wanted wanted, RemoteCommand body) implements Session {}

    /**
     * Ports to connect to.
     *
     * @param ports those that a client without a say of its own (WebSocket channels) gets; may be empty
     */
    record Forwarding(List<Integer> ports, PortOpener opener) implements Session {}

    /** Which streams the client will have. */
    record Wanted(boolean stdin, boolean stdout, boolean stderr, boolean terminal) {}
}

package dev.berth.services;

import dev.berth.kernel.Fault;
import dev.berth.wire.shim.types.Envelope;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.ArrayDeque;
import java.util.Queue;

/** One who listens. What he has not taken yet waits here, up to a number; who is slower than that is told so and must begin anew. */
final class EventSubscription {
    private static final int MOST_WAITING = 8192;

    private final Filters filters;
    private final ServerCallStreamObserver<Envelope> client;
    private final Queue<Envelope> waiting = new ArrayDeque<>();
    private boolean over;

    EventSubscription(Filters filters, ServerCallStreamObserver<Envelope> client) {
        this.filters = filters;
        this.client = client;
    }

    /** Sends it as soon as the client can take it, if he wants to know. Never waits; false if he has gone. */
    synchronized boolean offer(Happening happening) {
        if (!over && isWanted(happening)) {
            if (waiting.size() == MOST_WAITING) {
                over = true;
                waiting.clear();
                Calls.fail(
                        client,
                        Fault.exhausted(
                                "the subscription",
                                MOST_WAITING + " events wait for this client",
                                "Subscribe again, to less or with more speed"));
            } else {
                waiting.add(happening.envelope());
                send();
            }
        }
        return !over;
    }

    /** What takes a filter too long to find out is none of its business; the others wait meanwhile. */
    private boolean isWanted(Happening happening) {
        try {
            return filters.show(happening::field);
        } catch (Fault e) {
            return false;
        }
    }

    /** Sends what waits. */
    synchronized void send() {
        while (!over && client.isReady()) {
            Envelope next = waiting.poll();
            if (next == null) {
                return;
            }
            client.onNext(next);
        }
    }

    /** The client has gone. */
    synchronized void forget() {
        over = true;
        waiting.clear();
    }

    /** Ends it from our side. */
    synchronized void end() {
        if (!over) {
            over = true;
            client.onCompleted();
        }
    }
}

package dev.berth.cri.streaming;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Base64;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.slf4j.MDC;

/** What outstanding URLs stand for. Each works once, and not for long. Thread-safe. */
final class Tickets {
    /** As the kubelet's own server has it. */
    static final Duration LIFE = Duration.ofMinutes(1);

    static final int MOST = 1000;

    /** Beyond guessing. */
    private static final int TOKEN_BYTES = 24;

    /**
     * A session and what the lines about it say that it is about: what those of the call say that asked for it.
     *
     * @param scope of {@link MDC}
     */
    record Admission(Session session, Map<String, String> scope) {}

    private record Ticket(Admission admission, long issuedNanos) {}

    private final Ticker ticker;
    private final SecureRandom random = new SecureRandom();

    /** Oldest first. */
    private final Map<String, Ticket> outstanding = new LinkedHashMap<>();

    Tickets(Ticker ticker) {
        this.ticker = ticker;
    }

    /**
     * Gives a token for a session.
     *
     * @throws Fault RESOURCE_EXHAUSTED if too many wait to be used
     */
    synchronized String issue(Session session) {
        forgetOld();
        if (outstanding.size() >= MOST) {
            throw Fault.exhausted(
                    "open a stream",
                    MOST + " URLs have been given out and wait to be used",
                    "Use them or wait a minute; each is good for one");
        }
        byte[] bytes = new byte[TOKEN_BYTES];
        random.nextBytes(bytes);
        String token = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
        Map<String, String> scope = Objects.requireNonNullElse(MDC.getCopyOfContextMap(), Map.of());
        outstanding.put(token, new Ticket(new Admission(session, scope), ticker.nanos()));
        return token;
    }

    /** Redeems a token; empty if there is none, or its time is over. */
    synchronized Optional<Admission> redeem(String token) {
        forgetOld();
        return Optional.ofNullable(outstanding.remove(token)).map(Ticket::admission);
    }

    private void forgetOld() {
        Iterator<Ticket> tickets = outstanding.values().iterator();
        while (tickets.hasNext() && ticker.since(tickets.next().issuedNanos()).compareTo(LIFE) >= 0) {
            tickets.remove();
        }
    }
}

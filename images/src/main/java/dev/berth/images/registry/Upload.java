package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import java.net.URI;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends one blob: in one piece, as every registry takes it; in pieces if the registry, or something before it, refuses one so large.
 * For one thread.
 */
final class Upload {
    private static final Logger LOG = LoggerFactory.getLogger(Upload.class);
    private static final long PIECE_BYTES = 8 << 20;
    private static final Set<Integer> TOO_MUCH_AT_ONCE = Set.of(405, 411, 413, 501);
    private static final Set<Integer> LOST = Set.of(404, 416); // what was sent, or where it ended
    private static final int MAX_BREAKS = 3;
    private static final int MAX_SESSIONS = 4;
    private static final Map<String, String> OCTETS = Map.of("Content-Type", "application/octet-stream");

    private final Host host;
    private final Hosts hosts;
    private final URI begin;
    private final Descriptor descriptor;
    private final Destination.Source source;
    private final LongConsumer sent;
    private final String what;

    /** Where to go on, the smallest piece that is taken there, and how many bytes are there. */
    record Session(URI at, long leastBytes, long offset) {
        /** One that a registry has just begun. */
        static Session of(Answer answer, URI otherwise) throws Refused {
            if (answer.header("Location").isEmpty()) {
                throw Refused.forGood(Fault.unavailable(
                        "push to " + otherwise.getAuthority(),
                        "the registry gave no address for the upload",
                        "Check the registry or its proxy"));
            }
            String least = answer.header("OCI-Chunk-Min-Length");
            return new Session(next(answer, otherwise), least.matches("[0-9]{1,10}") ? Long.parseLong(least) : 0, 0);
        }
    }

    Upload(Host host, Hosts hosts, URI begin, Descriptor descriptor, Destination.Source source, LongConsumer sent) {
        this.what = "push " + descriptor.digest();
        this.host = host;
        this.hosts = hosts;
        this.begin = begin;
        this.descriptor = descriptor;
        this.source = source;
        this.sent = sent;
    }

    /** @param begun a session to be used; null if there is none yet */
    void run(@Nullable Session begun) throws Refused, InterruptedException {
        Session session = begun == null ? begin() : begun;
        try (Body body = Body.of(descriptor.size(), () -> source.open(0), sent);
                Answer answer = hosts.send(host, new Call("PUT", finished(session.at), OCTETS, body))) {
            if (answer.isTaken()) {
                Destination.refuseOther(what, descriptor.digest(), answer);
                return;
            }
            if (answer.status() == 404) {
                throw Refused.forNow(Fault.unavailable(
                        what,
                        host.authority() + " has lost the upload that it began",
                        "Check the registry: who answers for it must share its uploads"));
            }
            if (!TOO_MUCH_AT_ONCE.contains(answer.status())) {
                throw Statuses.refuse(what, "repository", answer, hosts.patience());
            }
        } catch (Refused e) {
            if (e.status() > 0 || !e.again() || descriptor.size() <= PIECE_BYTES) {
                throw e; // else it broke on the way: pieces get further
            }
        }
        inPieces(begin());
    }

    /** Lets a session go that is not needed, so that the registry need not keep it until it expires. */
    static void abandon(Host host, Hosts hosts, Session session) throws InterruptedException {
        try (Answer answer = hosts.send(host, new Call("DELETE", session.at, Map.of(), null))) {
            LOG.debug("an upload at {} is not needed: {}", host.authority(), answer.status());
        } catch (Refused e) {
            LOG.debug("an upload at {} is left to itself: {}", host.authority(), e.getMessage());
        }
    }

    private Session begin() throws Refused, InterruptedException {
        try (Answer answer = hosts.send(host, new Call("POST", begin, Map.of(), Body.of(new byte[0])))) {
            if (!answer.isTaken()) {
                throw Statuses.refuse(what, "repository", answer, hosts.patience());
            }
            return Session.of(answer, begin);
        }
    }

    private void inPieces(Session begun) throws Refused, InterruptedException {
        Session session = begun;
        long farthest = 0;
        int breaks = 0; // since it came farther than ever
        int sessions = 1;
        while (session.offset < descriptor.size()) {
            try {
                session = piece(session);
            } catch (Refused e) {
                if (!(e.again() || LOST.contains(e.status())) || ++breaks == MAX_BREAKS) {
                    throw e;
                }
                hosts.pause(e, breaks);
                Optional<Session> goesOn = LOST.contains(e.status()) ? Optional.empty() : arrived(session);
                if (goesOn.isEmpty() && ++sessions > MAX_SESSIONS) {
                    throw e;
                }
                session = goesOn.isPresent() ? goesOn.get() : begin();
            }
            if (session.offset > farthest) {
                farthest = session.offset;
                breaks = 0;
            }
        }
        try (Body none = Body.of(new byte[0]);
                Answer answer = hosts.send(host, new Call("PUT", finished(session.at), OCTETS, none))) {
            if (!answer.isTaken()) {
                throw Statuses.refuse(what, "repository", answer, hosts.patience());
            }
            Destination.refuseOther(what, descriptor.digest(), answer);
            sent.accept(descriptor.size());
        }
    }

    private Session piece(Session session) throws Refused, InterruptedException {
        long at = session.offset;
        long length = Math.min(Math.max(PIECE_BYTES, session.leastBytes), descriptor.size() - at);
        Map<String, String> headers =
                Map.of("Content-Type", "application/octet-stream", "Content-Range", at + "-" + (at + length - 1));
        try (Body body = Body.of(length, () -> source.open(at), more -> sent.accept(at + more));
                Answer answer = hosts.send(host, new Call("PATCH", session.at, headers, body))) {
            if (!answer.isTaken()) {
                throw Statuses.refuse(what, "upload", answer, hosts.patience());
            }
            return new Session(next(answer, session.at), session.leastBytes, at + length);
        }
    }

    /**
     * Where the registry is after a break, by its own word: an old address may name an old place, and with it the registry would throw
     * away what it has.
     *
     * @return empty if it does not say; then a new session has to be begun
     */
    private Optional<Session> arrived(Session session) throws Refused, InterruptedException {
        try (Answer answer = hosts.send(host, Call.get(session.at, Map.of()))) {
            String range = answer.header("Range").replaceFirst("^bytes=", "");
            if (answer.status() == 204 && range.matches("0-[0-9]{1,15}")) {
                long last = Long.parseLong(range.substring(2));
                long offset = last == 0 ? 0 : Math.min(last + 1, descriptor.size());
                return Optional.of(new Session(next(answer, session.at), session.leastBytes, offset));
            }
            return Optional.empty();
        }
    }

    private static URI next(Answer answer, URI otherwise) throws Refused {
        String location = answer.header("Location");
        return location.isEmpty() ? otherwise : Transport.next(answer.from(), location);
    }

    private URI finished(URI at) throws Refused {
        try {
            return URI.create(at + (at.getRawQuery() == null ? "?" : "&") + "digest=" + descriptor.digest());
        } catch (IllegalArgumentException e) {
            throw Refused.forGood(Fault.unavailable(
                            what,
                            "the registry gave no usable address for the upload",
                            "Check the registry or its proxy")
                    .causedBy(e));
        }
    }
}

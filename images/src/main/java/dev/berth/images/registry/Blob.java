package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of a blob, in order, from wherever they can be had: a connection that breaks or stalls is replaced by one that goes on
 * where it ended. Exactly as many bytes as the descriptor says; whether they are the right ones is for the reader to hash. For one
 * thread.
 */
public final class Blob implements AutoCloseable {
    private final Hosts hosts;
    private final Places places;
    private final Reference reference;
    private final Descriptor descriptor;
    private final String what;
    private final byte @Nullable [] embedded;
    private long position;
    private @Nullable Opened stream;
    private final Set<String> passedOver = new HashSet<>(); // hosts that failed without a byte, while there are others

    /**
     * A body, and the place at its host that it takes.
     *
     * @param from its first byte
     */
    private record Opened(String host, BodyStream body, Places.Place place, long from) implements AutoCloseable {
        @Override
        public void close() {
            body.close();
            place.close();
        }
    }

    Blob(Hosts hosts, Places places, Reference reference, Descriptor descriptor, long from) {
        this.hosts = hosts;
        this.places = places;
        this.reference = reference;
        this.descriptor = descriptor;
        this.what = "pull " + reference;
        this.position = from;
        this.embedded = Embedded.bytes(descriptor).orElse(null);
    }

    /**
     * The next bytes; null when all have come.
     *
     * @throws Fault UNAVAILABLE if the registry stays silent, FAILED_PRECONDITION if it offers another length than the descriptor's,
     *     NOT_FOUND if it does not have the blob, CANCELLED if interrupted
     */
    public @Nullable ByteBuffer next() {
        if (position == descriptor.size()) {
            return null;
        }
        if (embedded != null) {
            ByteBuffer rest =
                    ByteBuffer.wrap(embedded, Math.toIntExact(position), embedded.length - Math.toIntExact(position));
            position = embedded.length;
            return rest;
        }
        try {
            for (int failures = 1; ; failures++) {
                try {
                    return receive();
                } catch (Refused e) {
                    boolean others = passOver();
                    close();
                    hosts.giveUpOrPause(others && !e.again() ? Refused.forNow(e.fault()) : e, failures);
                }
            }
        } catch (InterruptedException e) {
            throw Hosts.cancelled(what, e);
        }
    }

    /** Where the next bytes belong. */
    public long position() {
        return position;
    }

    /** After a failure: whether another host is asked next, because this one brought nothing. */
    private boolean passOver() {
        Opened from = stream;
        if (from == null || position > from.from || passedOver.size() + 1 >= hosts.able(Host.Capability.PULL)) {
            passedOver.clear();
            return false;
        }
        passedOver.add(from.host);
        return true;
    }

    private ByteBuffer receive() throws Refused, InterruptedException {
        Opened from = stream;
        if (from == null) {
            from = hosts.once(Host.Capability.PULL, what, this::open);
            stream = from;
        }
        try {
            ByteBuffer bytes = from.body.next(hosts.patience().stall());
            if (bytes == null) {
                throw Refused.forNow(Fault.unavailable(
                        what,
                        "blob " + descriptor.digest() + " ended after " + position + " of " + descriptor.size()
                                + " bytes",
                        "Try again later"));
            }
            if (bytes.remaining() > descriptor.size() - position) {
                throw Refused.forGood(wrongLength("more than " + descriptor.size()));
            }
            position += bytes.remaining();
            return bytes;
        } catch (IOException e) {
            throw Refused.forNow(
                    Fault.unavailable(what, "blob " + descriptor.digest() + ": " + Text.reason(e), "Try again later")
                            .causedBy(e));
        }
    }

    private Opened open(Host host) throws Refused, InterruptedException {
        if (passedOver.contains(host.authority())) {
            throw Refused.forNow(Fault.unavailable(
                    what, host.authority() + " brought no byte of " + descriptor.digest(), "Try again later"));
        }
        Places.Place place = places.take(host);
        boolean taken = false;
        try {
            Opened opened = new Opened(host.authority(), body(host), place, position);
            taken = true;
            return opened;
        } finally {
            if (!taken) {
                place.close();
            }
        }
    }

    private BodyStream body(Host host) throws Refused, InterruptedException {
        var address = host.address(reference.domain(), reference.path() + "/blobs/" + descriptor.digest());
        Map<String, String> headers =
                position == 0 ? Map.of("Accept", "*/*") : Map.of("Accept", "*/*", "Range", "bytes=" + position + "-");
        Answer answer = hosts.send(host, Call.get(address, headers));
        boolean taken = false;
        try {
            long begins = switch (answer.status()) {
                case 200 -> 0;
                case 206 -> firstByte(answer.header("Content-Range"));
                default -> throw refusal(host, answer);
            };
            if (begins != 0 && begins != position) {
                throw Refused.forNow(Fault.unavailable(
                        what,
                        host.authority() + " sent other bytes of " + descriptor.digest() + " than asked",
                        "Try again later"));
            }
            if (answer.length() >= 0 && begins + answer.length() != descriptor.size()) {
                throw Refused.forGood(wrongLength(Long.toString(begins + answer.length())));
            }
            skip(answer.body(), position - begins);
            taken = true;
            return answer.body();
        } catch (IOException e) {
            throw Refused.forNow(
                    Fault.unavailable(what, Text.reason(e), "Try again later").causedBy(e));
        } finally {
            if (!taken) {
                answer.close();
            }
        }
    }

    private Refused refusal(Host host, Answer answer) throws InterruptedException {
        Refused refused = Statuses.refuse(what, "blob " + descriptor.digest(), answer, hosts.patience());
        boolean denied = answer.status() == 401 || answer.status() == 403;
        if (denied && !Host.sameOrigin(answer.from(), host.base())) {
            return Refused.forNow(
                    Fault.unavailable( // an address that was good for some minutes; the registry gives another
                            what,
                            host.authority() + " leads to " + answer.from().getHost() + ", which answers "
                                    + answer.status(),
                            "Try again later"));
        }
        if (answer.status() == 404 && MediaTypes.isForeignLayer(descriptor.mediaType())) {
            return Refused.forGood(Fault.of(
                    Fault.Code.NOT_FOUND,
                    what,
                    "the registry does not have layer " + descriptor.digest()
                            + "; its image wants it fetched from elsewhere, which is not safe",
                    "Push the image again with this layer in the registry"));
        }
        return refused;
    }

    /** For hosts that do not know ranges and begin anew. */
    private void skip(BodyStream body, long count) throws IOException, InterruptedException {
        for (long left = count; left > 0; ) {
            ByteBuffer bytes = body.next(hosts.patience().stall());
            if (bytes == null) {
                throw new IOException("the body ended too early");
            }
            int step = (int) Math.min(left, bytes.remaining());
            bytes.position(bytes.position() + step);
            left -= step;
            if (bytes.hasRemaining()) {
                body.pushBack(bytes);
            }
        }
    }

    /** The N of {@code bytes N-M/L}; -1 if it is something else. */
    private static long firstByte(String contentRange) {
        String text = contentRange.strip();
        return text.matches("bytes [0-9]{1,18}-.*") ? Long.parseLong(text.substring(6, text.indexOf('-'))) : -1;
    }

    private Fault wrongLength(String actual) {
        return Fault.precondition(
                what,
                "blob " + descriptor.digest() + " has " + actual + " bytes at the registry, its manifest says "
                        + descriptor.size(),
                "The registry's content is damaged; push the image again");
    }

    @Override
    public void close() {
        Opened from = stream;
        stream = null;
        if (from != null) {
            from.close();
        }
    }
}

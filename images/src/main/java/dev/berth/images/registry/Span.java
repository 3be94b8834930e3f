package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.oci.MediaTypes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of a blob from one place to another, in order, from whichever host has them: a connection that breaks, stalls or drips is
 * replaced by one that goes on where it ended. For one thread.
 */
final class Span implements AutoCloseable {
    private static final Set<Integer> NO_RANGE = Set.of(400, 416, 501);

    private final Wanted wanted;
    private final boolean inPart;
    private final Set<String> passedOver =
            new HashSet<>(); // hosts that failed with next to nothing, while there are others
    private final Set<String> rangeless = new HashSet<>(); // hosts that have shown that they cannot give a part
    private long position;
    private long end;
    private int failures; // since bytes worth to be named came
    private long failedAt;
    private @Nullable Opened stream;

    /**
     * A body, and the place at its host that it takes.
     *
     * @param from the first byte that was asked for
     * @param encoding what the host has done to the bytes, if it says so
     */
    private record Opened(Host host, BodyStream body, Places.Place place, long from, Extent extent, String encoding)
            implements AutoCloseable {
        @Override
        public void close() {
            body.close();
            place.close();
        }
    }

    /**
     * Where a body ends.
     *
     * @param until by the host's own word
     * @param asked as it was asked for
     */
    private record Extent(long until, long asked) {}

    /** @param inPart whether a host that knows no ranges is of no use */
    Span(Wanted wanted, long from, long end, boolean inPart) {
        this.wanted = wanted;
        this.position = from;
        this.failedAt = from;
        this.end = end;
        this.inPart = inPart;
    }

    /** Where the next bytes belong. */
    long position() {
        return position;
    }

    /** Whether a host has answered, and is still sending as far as is known. */
    boolean isOpen() {
        return stream != null;
    }

    /** Moves the end, which must not be passed yet. */
    void endAt(long newEnd) {
        end = newEnd;
    }

    /**
     * Asks for the bytes, unless that has been done.
     *
     * @throws Fault as {@link #next}
     */
    void open() {
        patiently(() -> {
            opened();
            return null;
        });
    }

    /**
     * The next bytes; null at the end.
     *
     * @throws Fault as {@link Blob#next} has it
     */
    @Nullable
    ByteBuffer next() {
        return position == end ? null : patiently(this::receive);
    }

    private interface Step {
        @Nullable
        ByteBuffer take() throws Refused, InterruptedException;
    }

    private @Nullable ByteBuffer patiently(Step step) {
        try {
            while (true) {
                try {
                    return step.take();
                } catch (Refused e) {
                    failures = position - failedAt >= leastBytes() ? 1 : failures + 1;
                    failedAt = position;
                    boolean others = passOver();
                    close();
                    wanted.hosts().giveUpOrPause(others && !e.again() ? Refused.forNow(e.fault()) : e, failures);
                }
            }
        } catch (InterruptedException e) {
            throw Hosts.cancelled(wanted.what(), e);
        }
    }

    /** What a host must bring to be better than none. */
    private long leastBytes() {
        return wanted.hosts().patience().leastBytes();
    }

    /** After a failure: whether another host is asked next, because this one brought next to nothing. */
    private boolean passOver() {
        Opened from = stream;
        if (from == null
                || position - from.from >= leastBytes()
                || passedOver.size() + 1 >= wanted.hosts().able(Host.Capability.PULL)) {
            passedOver.clear();
            return false;
        }
        passedOver.add(from.host.authority());
        return true;
    }

    private Opened opened() throws Refused, InterruptedException {
        Opened from = stream;
        if (from == null) {
            from = wanted.hosts().once(Host.Capability.PULL, wanted.what(), this::open);
            stream = from;
        }
        return from;
    }

    private ByteBuffer receive() throws Refused, InterruptedException {
        try {
            while (true) {
                Opened from = opened();
                ByteBuffer bytes = from.body.next(wanted.hosts().patience().stall());
                if (bytes != null) {
                    return taken(from, bytes);
                }
                boolean asSaid = position == from.extent.until
                        && (position == from.extent.asked || position - from.from >= leastBytes());
                if (!asSaid) {
                    throw Refused.forNow(Fault.unavailable(
                            wanted.what(),
                            "blob " + wanted.descriptor().digest() + " ended after " + position + " of " + wanted.size()
                                    + " bytes",
                            "Try again later"));
                }
                close(); // it gave less than it was asked for, as it may: the rest is asked for
            }
        } catch (IOException e) {
            throw Refused.forNow(Fault.unavailable(
                            wanted.what(),
                            "blob " + wanted.descriptor().digest() + ": " + Text.reason(e),
                            "Try again later")
                    .causedBy(e));
        }
    }

    private ByteBuffer taken(Opened from, ByteBuffer bytes) throws Refused {
        if (bytes.remaining() > wanted.size() - position) {
            throw Refused.forGood(wanted.wrongLength("more than " + wanted.size(), from.encoding));
        }
        if (bytes.remaining() > end - position) {
            ByteBuffer rest = bytes.duplicate();
            bytes.limit(bytes.position() + Math.toIntExact(end - position));
            rest.position(bytes.limit());
            from.body.pushBack(rest);
        }
        wanted.givers().gave(wanted.descriptor().digest(), from.host);
        position += bytes.remaining();
        return bytes;
    }

    private Opened open(Host host) throws Refused, InterruptedException {
        if (wanted.givers().isWrong(wanted.descriptor().digest(), host)) {
            throw Refused.forGood(Fault.precondition(
                    wanted.what(),
                    host.authority() + " sent something else for "
                            + wanted.descriptor().digest(),
                    "Its content is damaged; push the image there again, or take it out of hosts.toml"));
        }
        if (passedOver.contains(host.authority())) {
            throw Refused.forNow(Fault.unavailable(
                    wanted.what(),
                    host.authority() + " brought next to nothing of "
                            + wanted.descriptor().digest(),
                    "Try again later"));
        }
        Places.Place place = wanted.places().take(host);
        boolean taken = false;
        try {
            Opened opened = ask(host, place);
            taken = true;
            return opened;
        } finally {
            if (!taken) {
                place.close();
            }
        }
    }

    private Opened ask(Host host, Places.Place place) throws Refused, InterruptedException {
        Map<String, String> headers = new HashMap<>(Map.of("Accept", "*/*"));
        if ((position > 0 || end < wanted.size()) && !rangeless.contains(host.authority())) {
            headers.put("Range", "bytes=" + position + "-" + (end < wanted.size() ? end - 1 : ""));
        }
        Answer answer = wanted.hosts().send(host, Call.get(wanted.at(host), headers));
        boolean taken = false;
        try {
            ContentRange range = range(host, answer);
            for (long left = position - range.from(); left > 0; ) {
                left -= skip(answer.body(), left);
            }
            String encoding = answer.header("Content-Encoding");
            Opened opened = new Opened(host, answer.body(), place, position, new Extent(range.until(), end), encoding);
            taken = true;
            return opened;
        } catch (IOException e) {
            throw Refused.forNow(Fault.unavailable(wanted.what(), Text.reason(e), "Try again later")
                    .causedBy(e));
        } finally {
            if (!taken) {
                answer.close();
            }
        }
    }

    private ContentRange range(Host host, Answer answer) throws Refused, InterruptedException {
        ContentRange range = switch (answer.status()) {
            case 200 -> whole(answer);
            case 206 ->
                ContentRange.parse(answer.header("Content-Range"))
                        .orElseThrow(() -> otherBytes(host, answer.header("Content-Range")));
            default -> throw refusal(host, answer);
        };
        if (range.whole() >= 0 && range.whole() != wanted.size()) {
            throw Refused.forGood(wanted.wrongLength(Long.toString(range.whole()), answer.header("Content-Encoding")));
        }
        boolean useful = range.from() <= position && position < range.until() && range.until() <= wanted.size();
        if (!useful || (inPart && range.from() < position)) {
            throw otherBytes(host, range.from() + "-" + (range.until() - 1));
        }
        return range;
    }

    private ContentRange whole(Answer answer) {
        long length = answer.length() < 0 ? wanted.size() : answer.length();
        return new ContentRange(0, length, length);
    }

    private Refused otherBytes(Host host, String range) {
        rangeless.add(host.authority());
        Fault fault = Fault.unavailable(
                wanted.what(),
                host.authority() + " sent other bytes of " + wanted.descriptor().digest() + " than asked: "
                        + (range.isEmpty() ? "it does not say which" : Text.shown(range, 60)) + ", not " + position
                        + "-",
                "Try again later");
        return inPart ? Refused.forGood(fault) : Refused.forNow(fault);
    }

    private Refused refusal(Host host, Answer answer) throws InterruptedException {
        Refused refused = Statuses.refuse(
                wanted.what(),
                "blob " + wanted.descriptor().digest(),
                answer,
                wanted.hosts().patience());
        boolean ranged = position > 0 && NO_RANGE.contains(answer.status());
        if (ranged && !inPart && rangeless.add(host.authority())) {
            return Refused.forNow(refused.fault()); // the whole of it may be had
        }
        boolean denied = answer.status() == 401 || answer.status() == 403;
        if (denied && !Host.sameOrigin(answer.from(), host.base())) {
            return Refused.forNow(
                    Fault.unavailable( // an address that was good for some minutes; the registry gives another
                            wanted.what(),
                            host.authority() + " leads to " + answer.from().getHost() + ", which answers "
                                    + answer.status(),
                            "Try again later"));
        }
        if (answer.status() == 404
                && MediaTypes.isForeignLayer(wanted.descriptor().mediaType())) {
            return Refused.forGood(Fault.of(
                    Fault.Code.NOT_FOUND,
                    wanted.what(),
                    "the registry does not have layer " + wanted.descriptor().digest()
                            + "; its image wants it fetched from elsewhere, which is not safe",
                    "Push the image again with this layer in the registry"));
        }
        return refused;
    }

    /** For hosts that do not know ranges and begin anew; how many bytes went. */
    private int skip(BodyStream body, long most) throws IOException, InterruptedException {
        ByteBuffer bytes = body.next(wanted.hosts().patience().stall());
        if (bytes == null) {
            throw new IOException("the body ended too early");
        }
        int step = (int) Math.min(most, bytes.remaining());
        bytes.position(bytes.position() + step);
        if (bytes.hasRemaining()) {
            body.pushBack(bytes);
        }
        return step;
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

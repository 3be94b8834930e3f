package dev.berth.shim.stdio;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;

/**
 * The form of a CRI log: {@code 2016-10-06T00:17:09.669794202Z stdout F message}. F ends a line, P is a part of one that
 * goes on: lines above 16 KiB come in parts, and so does what a process wrote last without ending the line.
 *
 * <p>The same bytes with the same time always become the same lines, so that a write that may have been cut short can be
 * made again. Within one call each line is one nanosecond later than the one before, because readers tell equal lines
 * apart by their time. Not thread-safe.
 *
 * @see <a href="https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md">CRI log
 *     format</a>
 */
final class CriLines {
    /** The longest content of a line. */
    static final int LINE_BYTES = 16 * 1024;

    private static final int NANO_DIGITS = 9;
    private static final int NANOS_PER_SECOND = 1_000_000_000;
    private static final DateTimeFormatter SECONDS = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.");

    /** Where lines go. */
    interface Sink {
        /** A buffer with so much room at least, written from its position; the same as before unless it was full. */
        ByteBuffer room(int bytes) throws IOException;
    }

    private final byte[] full;
    private final byte[] partial;
    private long secondsShown = Long.MIN_VALUE;
    private byte[] shown = new byte[0];

    CriLines(String stream) {
        this.full = ("Z " + stream + " F ").getBytes(StandardCharsets.US_ASCII);
        this.partial = ("Z " + stream + " P ").getBytes(StandardCharsets.US_ASCII);
    }

    /**
     * How many bytes at the end must wait for the rest of their line; at most {@link #LINE_BYTES}.
     *
     * @param last nothing comes any more, so nothing waits
     */
    static int waiting(byte[] bytes, int length, boolean last) {
        if (last) {
            return 0;
        }
        int start = length;
        while (start > 0 && bytes[start - 1] != '\n') {
            start--;
        }
        int open = length - start;
        return open <= LINE_BYTES ? open : open - (open - 1) / LINE_BYTES * LINE_BYTES;
    }

    /**
     * Writes the lines of some bytes, all of them; what is left without an end becomes a part.
     *
     * @param time of the first line
     * @return number of lines written
     */
    int write(byte[] bytes, int length, Instant time, Sink sink) throws IOException {
        long seconds = time.getEpochSecond();
        int nanos = time.getNano();
        int lines = 0;
        int from = 0;
        while (from < length) {
            int limit = Math.min(length, from + LINE_BYTES);
            int end = from;
            while (end < limit && bytes[end] != '\n') {
                end++;
            }
            boolean ends = end < length && bytes[end] == '\n';
            ByteBuffer out = sink.room(shown(seconds).length + NANO_DIGITS + full.length + end - from + 1);
            out.put(shown);
            putNanos(out, nanos);
            out.put(ends ? full : partial).put(bytes, from, end - from).put((byte) '\n');
            from = ends ? end + 1 : end;
            lines++;
            if (++nanos == NANOS_PER_SECOND) {
                nanos = 0;
                seconds++;
            }
        }
        return lines;
    }

    private byte[] shown(long seconds) {
        if (seconds != secondsShown) {
            secondsShown = seconds;
            shown = LocalDateTime.ofEpochSecond(seconds, 0, ZoneOffset.UTC)
                    .format(SECONDS)
                    .getBytes(StandardCharsets.US_ASCII);
        }
        return shown;
    }

    private static void putNanos(ByteBuffer out, int nanos) {
        int at = out.position();
        int rest = nanos;
        for (int i = NANO_DIGITS - 1; i >= 0; i--) {
            out.put(at + i, (byte) ('0' + rest % 10));
            rest /= 10;
        }
        out.position(at + NANO_DIGITS);
    }
}

package dev.berth.daemon.cli;

import dev.berth.oci.Digest;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.Optional;

/** Sizes, times and digests as people read them. */
final class Amounts {
    private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB"};
    private static final DateTimeFormatter MINUTES =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm", Locale.ROOT).withZone(ZoneOffset.UTC);

    private Amounts() {}

    /** Three or four digits and a unit. */
    static String bytes(long bytes) {
        double value = bytes;
        int unit = 0;
        while (value >= 1024 && unit + 1 < UNITS.length) {
            value /= 1024;
            unit++;
        }
        return (unit == 0 ? Long.toString(bytes) : String.format(Locale.ROOT, "%.1f", value)) + " " + UNITS[unit];
    }

    /** In UTC, to the minute. */
    static String time(Instant time) {
        return MINUTES.format(time);
    }

    /** A time as image configs have it, if it is one. */
    static Optional<Instant> instant(String rfc3339) {
        try {
            return rfc3339.isEmpty()
                    ? Optional.empty()
                    : Optional.of(DateTimeFormatter.ISO_OFFSET_DATE_TIME.parse(rfc3339, Instant::from));
        } catch (DateTimeParseException e) {
            return Optional.empty();
        }
    }

    static String digest(Digest digest) {
        return digest.shortHex();
    }
}

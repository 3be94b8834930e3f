package dev.berth.verify;

import java.util.regex.Pattern;

/** What two daemons cannot print alike; each is masked where a test names it. */
enum CtrMask {
    /** A point in time, as in {@code 2026-11-21T17:44:21.3Z} or {@code 2026-11-21 17:44:21.3 +0000 UTC}. */
    TIME("\\d{4}-\\d\\d-\\d\\d[ T]\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?( ?[+-]\\d\\d:?\\d\\d( UTC)?| UTC|Z)?"),
    /** How long ago something was or how long it took, as in {@code 3 seconds}, {@code 1.2s}, {@code 12.345678ms}. */
    DURATION("\\d+(\\.\\d+)?(ns|µs|ms|s)\\b|(\\d+|[Aa]bout an?|Less than a) (second|minute|hour)s?( ago)?"),
    /** Space that something takes on disk, as in {@code 1.5 MiB} or {@code 4.0 KiB/s}. */
    SIZE("\\d+(\\.\\d+)? ?([KMGT]i?)?B(/s)?\\b"),
    /** The number of a process or a namespace. */
    NUMBER("(?<=\"(pid|pidns)\": )\\d+"),
    /** An identity made by chance. */
    UUID("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    /** The server's version and revision. */
    SERVER_VERSION("(?s)(?<=Server:\n)( Version: [^\n]*\n Revision:[^\n]*)"),
    /** Where the daemons keep their things: always masked. */
    FOLDER("/var/lib/btv[0-9a-f]+/[^\\s\"]*");

    private final Pattern pattern;

    CtrMask(String pattern) {
        this.pattern = Pattern.compile(pattern);
    }

    String apply(String text) {
        return pattern.matcher(text).replaceAll("<" + name() + ">");
    }
}

package dev.berth.images.registry;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which bytes an answer has.
 *
 * @param from the first
 * @param until the one after the last
 * @param whole how many there are in all; -1 if that is not said
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#name-content-range">RFC 9110, Content-Range</a>
 */
record ContentRange(long from, long until, long whole) {
    private static final Pattern FORM = Pattern.compile("(?i)bytes\\s+([0-9]{1,18})-([0-9]{1,18})/(\\*|[0-9]{1,18})");

    /** Reads a header; empty if it is something else, as for an answer in several parts. */
    static Optional<ContentRange> parse(String text) {
        Matcher range = FORM.matcher(text.strip());
        return range.matches()
                ? Optional.of(new ContentRange(
                        Long.parseLong(range.group(1)),
                        Long.parseLong(range.group(2)) + 1,
                        range.group(3).equals("*") ? -1 : Long.parseLong(range.group(3))))
                : Optional.empty();
    }
}

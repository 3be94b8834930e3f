package dev.berth.services;

import dev.berth.kernel.Fault;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression of a client, as Go writes them. Java's may take time without end, or the whole stack, for a few characters; so this one gives up
 * after a number of steps.
 */
final class FilterExpression {
    private static final int MAX_STEPS = 1 << 20;
    private static final long MAX_REPEATS = 1_000_000;
    private static final Pattern REPEATED = Pattern.compile("\\{([0-9]+)(?:,([0-9]*))?\\}");

    private final Pattern pattern;

    private FilterExpression(Pattern pattern) {
        this.pattern = pattern;
    }

    /** @throws PatternSyntaxException if it is none, or would repeat something too often */
    static FilterExpression of(String text) {
        long repeats = 1;
        Matcher counts = REPEATED.matcher(text);
        while (counts.find()) {
            repeats *= Math.max(1, Math.max(number(counts.group(1)), number(counts.group(2))));
            if (repeats > MAX_REPEATS) {
                throw new PatternSyntaxException("it repeats something too often", text, counts.start());
            }
        }
        try {
            return new FilterExpression(Pattern.compile(new GoExpression(text).inJava(), Pattern.UNIX_LINES));
        } catch (StackOverflowError e) {
            throw new PatternSyntaxException("it is nested too deep", text, 0);
        }
    }

    private static long number(@org.jspecify.annotations.Nullable String digits) {
        if (digits == null || digits.isEmpty()) {
            return 0;
        }
        return digits.length() > 9 ? MAX_REPEATS + 1 : Long.parseLong(digits);
    }

    /**
     * Whether it is found somewhere in a text.
     *
     * @throws Fault INVALID_ARGUMENT if that takes too many steps to find out
     */
    boolean find(String text) {
        try {
            return pattern.matcher(new Counted(text, new int[] {MAX_STEPS})).find();
        } catch (StackOverflowError e) {
            throw tooLong();
        }
    }

    private Fault tooLong() {
        return Fault.invalid(
                "filter with the expression " + pattern,
                "it takes too many steps to find out whether it matches",
                "Write it without a repetition within a repetition");
    }

    /** A text that can be looked at only so often. */
    private final class Counted implements CharSequence {
        private final CharSequence text;
        private final int[] left; // shared with the parts of this text

        Counted(CharSequence text, int[] left) {
            this.text = text;
            this.left = left;
        }

        @Override
        public char charAt(int index) {
            if (left[0]-- <= 0) {
                throw tooLong();
            }
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int from, int to) {
            return new Counted(text.subSequence(from, to), left);
        }

        @Override
        public String toString() {
            return text.toString();
        }
    }
}

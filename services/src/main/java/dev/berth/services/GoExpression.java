package dev.berth.services;

import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression in Go's syntax, for Java's: a set has classes in it such as {@code [:alpha:]}, where Java would see a set in
 * a set, and a group's name follows a {@code P}. What only Java knows is refused: it would mean something else, or nothing, elsewhere.
 *
 * @see <a href="https://github.com/google/re2/wiki/Syntax">RE2, Syntax</a>
 */
final class GoExpression {
    private static final Pattern CLASS = Pattern.compile("\\[:(\\^?)([a-z]+):\\]");
    private static final Pattern PROPERTY = Pattern.compile("\\\\([pP])\\{(\\^?)(\\w+)\\}");
    private static final Pattern OCTAL = Pattern.compile("\\\\(0[0-7]{0,2}|[1-7][0-7]{1,2})");
    private static final Pattern REPEAT = Pattern.compile("[*+?]|\\{[0-9]+(?:,[0-9]*)?\\}");
    private static final Pattern FLAGS = Pattern.compile("\\(\\?([imsU]*)(-[imsU]+)?([:)])");
    private static final Pattern NAMED_GROUP = Pattern.compile("\\(\\?P?<(?=\\w)");
    private static final String ESCAPES = "AbBdDsSwWzafnrtvxpP";
    private static final Map<String, String> CLASSES = Map.ofEntries(
            Map.entry("alnum", "p{Alnum}"),
            Map.entry("alpha", "p{Alpha}"),
            Map.entry("ascii", "p{ASCII}"),
            Map.entry("blank", "p{Blank}"),
            Map.entry("cntrl", "p{Cntrl}"),
            Map.entry("digit", "p{Digit}"),
            Map.entry("graph", "p{Graph}"),
            Map.entry("lower", "p{Lower}"),
            Map.entry("print", "p{Print}"),
            Map.entry("punct", "p{Punct}"),
            Map.entry("space", "p{Space}"),
            Map.entry("upper", "p{Upper}"),
            Map.entry("word", "w"),
            Map.entry("xdigit", "p{XDigit}"));

    private final String go;
    private final StringBuilder java = new StringBuilder();
    private int at;

    GoExpression(String go) {
        this.go = go;
    }

    /** @throws PatternSyntaxException for what Go does not have */
    String inJava() {
        while (at < go.length()) {
            if (go.startsWith("\\Q", at)) {
                int end = go.indexOf("\\E", at);
                take(end < 0 ? go.length() : end + 2);
            } else if (go.charAt(at) == '\\') {
                escape();
            } else if (go.startsWith("(?", at)) {
                group();
            } else if (go.charAt(at) == '[') {
                set();
            } else if (here(REPEAT).lookingAt()) {
                repeat();
            } else if (go.charAt(at) == '{') { // which then means itself
                java.append('\\');
                take(at + 1);
            } else {
                take(at + 1);
            }
        }
        return java.toString();
    }

    private Matcher here(Pattern pattern) {
        return pattern.matcher(go).region(at, go.length());
    }

    private PatternSyntaxException unknown(String what) {
        return new PatternSyntaxException(what + " is not known there", go, at);
    }

    /** One repetition, perhaps a lazy one; a second one on it is Java's own. */
    private void repeat() {
        Matcher repeat = here(REPEAT);
        boolean _ = repeat.lookingAt();
        take(repeat.end());
        if (go.startsWith("?", at)) {
            take(at + 1);
        }
        if (here(REPEAT).lookingAt()) {
            throw unknown("a repetition of a repetition");
        }
    }

    /** Whether a match is greedy does not change whether there is one; letters are compared as in Unicode. */
    private void group() {
        Matcher name = here(NAMED_GROUP);
        Matcher flags = here(FLAGS);
        if (name.lookingAt()) {
            java.append("(?<");
            at = name.end();
        } else if (flags.lookingAt()) {
            String on = inJava(flags.group(1));
            String off = flags.group(2) == null ? "" : inJava(flags.group(2).substring(1));
            boolean none = on.isEmpty() && off.isEmpty() && flags.group(3).equals(")");
            java.append(none ? "" : "(?" + on + (off.isEmpty() ? "" : "-" + off) + flags.group(3));
            at = flags.end();
        } else {
            throw unknown("such a group");
        }
    }

    private static String inJava(String flags) {
        return flags.replace("U", "").replace("i", "iu");
    }

    private void escape() {
        Matcher property = here(PROPERTY);
        Matcher octal = here(OCTAL);
        if (property.lookingAt()) {
            boolean not = property.group(1).equals("P") ^ !property.group(2).isEmpty();
            String name = property.group(3);
            java.append(not ? "\\P{" : "\\p{").append(name.length() > 2 ? "script=" : "general_category=");
            java.append(name).append('}');
            at = property.end();
        } else if (octal.lookingAt()) {
            java.append("\\x{%x}".formatted(Integer.parseInt(octal.group(1), 8)));
            at = octal.end();
        } else {
            int c = at + 1 < go.length() ? go.charAt(at + 1) : ' ';
            boolean isWord = c >= 0x80 || Character.isLetterOrDigit(c);
            if (isWord && ESCAPES.indexOf(c) < 0) {
                throw unknown("the escape \\" + go.substring(at + 1, at + 2));
            }
            take(at + 2);
        }
    }

    private void set() {
        take(go.startsWith("[^", at) ? at + 2 : at + 1);
        boolean first = true; // there a bracket does not end it
        while (at < go.length() && (first || go.charAt(at) != ']')) {
            first = false;
            Optional<String> named = named();
            if (named.isPresent()) {
                java.append(named.get());
            } else if (go.charAt(at) == '\\') {
                escape();
            } else {
                if ("[]&".indexOf(go.charAt(at)) >= 0) { // which mean themselves in Go
                    java.append('\\');
                }
                take(at + 1);
            }
        }
        take(at + 1);
    }

    private Optional<String> named() {
        Matcher matcher = CLASS.matcher(go).region(at, go.length());
        String name = matcher.lookingAt() ? CLASSES.get(matcher.group(2)) : null;
        if (name == null) {
            return Optional.empty();
        }
        at = matcher.end();
        boolean not = !matcher.group(1).isEmpty();
        return Optional.of("\\" + (not ? name.replaceFirst("^[pw]", name.startsWith("p") ? "P" : "W") : name));
    }

    private void take(int end) {
        int last = Math.min(end, go.length());
        java.append(go, at, last);
        at = last;
    }
}

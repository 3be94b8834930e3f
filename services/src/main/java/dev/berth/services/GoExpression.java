package dev.berth.services;

import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A regular expression in Go's syntax, for Java's: a set has classes in it such as {@code [:alpha:]}, where Java would see a set in
 * a set, and a group's name follows a {@code P}.
 *
 * @see <a href="https://github.com/google/re2/wiki/Syntax">RE2, Syntax</a>
 */
final class GoExpression {
    private static final Pattern CLASS = Pattern.compile("\\[:(\\^?)([a-z]+):\\]");
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

    String inJava() {
        while (at < go.length()) {
            if (go.startsWith("\\Q", at)) {
                int end = go.indexOf("\\E", at);
                take(end < 0 ? go.length() : end + 2);
            } else if (go.charAt(at) == '\\') {
                take(at + 2);
            } else if (go.startsWith("(?P<", at)) {
                java.append("(?<");
                at += 4;
            } else if (go.charAt(at) == '[') {
                set();
            } else {
                take(at + 1);
            }
        }
        return java.toString();
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
                take(at + 2);
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

package dev.berth.services;

import dev.berth.kernel.Fault;
import dev.berth.services.Filters.Condition;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.PatternSyntaxException;

/**
 * Reads one filter.
 *
 * <pre>
 * filter    := condition (',' condition)*
 * condition := path [('==' | '!=' | '~=') value]
 * path      := field ('.' field)*
 * field     := letters, digits and '_' | quoted
 * value     := anything without comma and space | quoted
 * quoted    := '"' … '"' with the escapes of Go; after '~=' also '/' … '/' and '|' … '|'
 * </pre>
 */
final class FilterParser {
    private static final String QUOTES = "\"/|";
    private static final String OPERATORS = "=!~";
    private static final int END = -1;

    private final String input;
    private int at;

    FilterParser(String input) {
        this.input = input;
    }

    List<Condition> parse() {
        List<Condition> conditions = new ArrayList<>();
        conditions.add(condition());
        while (peek() != END) {
            if (peek() != ',') {
                throw wrong(at, "unexpected input");
            }
            at++;
            conditions.add(condition());
        }
        return conditions;
    }

    private Condition condition() {
        List<String> path = path();
        if (peek() == ',' || peek() == END) {
            return new Condition.Present(path);
        }
        skipSpace();
        int start = at;
        while (OPERATORS.indexOf(peek()) >= 0) {
            at++;
        }
        return switch (input.substring(start, at)) {
            case "==" -> new Condition.Equal(path, value(false));
            case "!=" -> new Condition.Different(path, value(false));
            case "~=" -> new Condition.Matches(path, expression());
            default -> throw wrong(start, "expected ==, != or ~=");
        };
    }

    private List<String> path() {
        List<String> path = new ArrayList<>();
        path.add(field());
        while (peek() == '.') {
            at++;
            path.add(field());
        }
        return path;
    }

    private String field() {
        skipSpace();
        if (QUOTES.indexOf(peek()) >= 0) {
            return quoted(false);
        }
        int start = at;
        while (isOfName(peek())) {
            at++;
        }
        if (at == start) {
            throw wrong(start, "expected the name of a field");
        }
        return input.substring(start, at);
    }

    private FilterExpression expression() {
        skipSpace();
        int start = at;
        try {
            return FilterExpression.of(value(true));
        } catch (PatternSyntaxException e) {
            throw wrong(start, "not a regular expression: " + e.getDescription());
        }
    }

    private String value(boolean allQuotes) {
        skipSpace();
        if (QUOTES.indexOf(peek()) >= 0) {
            return quoted(allQuotes);
        }
        int start = at;
        if (peek() == '.' || OPERATORS.indexOf(peek()) >= 0) {
            throw wrong(start, "expected a value; quote it if it begins so");
        }
        while (isOfValue(peek())) {
            at += Character.charCount(peek());
        }
        if (at == start) {
            throw wrong(start, "expected a value");
        }
        return input.substring(start, at);
    }

    private String quoted(boolean allQuotes) {
        int start = at;
        int quote = peek();
        if (!allQuotes && quote != '"') {
            throw wrong(start, "only double quotes are possible here");
        }
        at++;
        var text = new GoText();
        while (peek() != quote) {
            int next = peek();
            if (next == END || next == '\n') {
                throw wrong(start, "a quote that does not end");
            }
            at += Character.charCount(next);
            if (next == '\\') {
                escape(quote, text);
            } else {
                text.add(next);
            }
        }
        at++;
        return text.toString();
    }

    private void escape(int quote, GoText text) {
        int start = at - 1;
        int kind = peek();
        at++;
        if (kind == quote) {
            text.add(quote);
            return;
        }
        switch (kind) {
            case 'a' -> text.add(7);
            case 'b' -> text.add('\b');
            case 'f' -> text.add('\f');
            case 'n' -> text.add('\n');
            case 'r' -> text.add('\r');
            case 't' -> text.add('\t');
            case 'v' -> text.add(11);
            case '\\' -> text.add('\\');
            case 'x' -> text.addByte(number(start, 2, 16, 255));
            case 'u' -> text.add(number(start, 4, 16, Character.MAX_CODE_POINT));
            case 'U' -> text.add(number(start, 8, 16, Character.MAX_CODE_POINT));
            case '0', '1', '2', '3', '4', '5', '6', '7' -> {
                at--;
                text.addByte(number(start, 3, 8, 255));
            }
            default -> throw wrong(start, "unknown escape");
        }
    }

    private int number(int start, int digits, int base, int max) {
        long number = 0;
        for (int i = 0; i < digits; i++) {
            int digit = Character.digit(peek() > 'f' ? END : peek(), base); // only digits of ASCII
            if (digit < 0) {
                throw wrong(start, "an escape with too few digits");
            }
            number = number * base + digit;
            at++;
        }
        if (number > max) {
            throw wrong(start, "an escape of no character");
        }
        return (int) number;
    }

    private void skipSpace() {
        while (peek() != END && isSpace(peek())) {
            at += Character.charCount(peek());
        }
    }

    private int peek() {
        return at < input.length() ? input.codePointAt(at) : END;
    }

    private static boolean isOfName(int c) {
        return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    }

    private static boolean isOfValue(int c) {
        return c != END && c != ',' && !isSpace(c) && !Character.isISOControl(c);
    }

    private static boolean isSpace(int c) {
        return Character.isWhitespace(c) || Character.isSpaceChar(c);
    }

    private Fault wrong(int position, String why) {
        return Fault.invalid(
                "filter " + input,
                "at character " + (position + 1) + ": " + why,
                "Write it as field==value, field!=value, field~=/expression/ or field, with commas between");
    }
}

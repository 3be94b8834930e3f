package dev.berth.images.registry;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One way in which a host wants to be convinced.
 *
 * @param scheme in lower case, as in {@code bearer}
 * @param parameters names in lower case
 * @see <a href="https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate">RFC 9110, WWW-Authenticate</a>
 */
record Challenge(String scheme, Map<String, String> parameters) {
    private static final int MAX_LENGTH = 16 * 1024;
    /** A name alone, or with a value. More than the rules allow: addresses stand there without quotes, and Base64 behind a scheme. */
    private static final Pattern PART = Pattern.compile(
            "\\G[\\s,]*+([^\\s,=\"]++)(?:\\s*=\\s*(?:\"([^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+)\"|([^\\s,\"]*+))|(?=\\s|,|$))");

    /** Reads all challenges of an answer; what cannot be read ends its header. */
    static List<Challenge> parse(List<String> headers) {
        List<Challenge> challenges = new ArrayList<>();
        for (String header : headers) {
            if (header.length() <= MAX_LENGTH) {
                parse(header, challenges);
            }
        }
        return challenges;
    }

    private static void parse(String header, List<Challenge> into) {
        Matcher part = PART.matcher(header);
        Challenge current = null;
        while (part.find()) {
            String name = part.group(1).toLowerCase(Locale.ROOT);
            String quoted = part.group(2);
            String plain = part.group(3);
            if (quoted == null && plain == null) {
                current = new Challenge(name, new LinkedHashMap<>());
                into.add(current);
            } else if (current != null) {
                String value = quoted == null ? plain : quoted.replaceAll("\\\\(.)", "$1");
                current.parameters.put(name, value);
            }
        }
    }

    String parameter(String name) {
        return parameters.getOrDefault(name, "");
    }
}

package dev.berth.kernel;

import java.security.SecureRandom;
import java.util.HexFormat;

/** Names of containers, sandboxes and tasks: 64 hex digits when we choose them, an identifier when a client does. */
public final class Ids {
    private static final int MAX_LENGTH = 76;
    private static final SecureRandom RANDOM = new SecureRandom();

    private Ids() {}

    /** A new id, unguessable: 32 random bytes as 64 lower-case hex digits. */
    public static String random() {
        byte[] bytes = new byte[32];
        RANDOM.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    /**
     * Returns the id if it may be used as a part of a path: letters and digits, with {@code - _ .} only between them, at
     * most 76 characters.
     *
     * @throws Fault INVALID_ARGUMENT otherwise
     */
    public static String check(String what, String id) {
        if (id.length() > MAX_LENGTH || !isValid(id)) {
            String shown = id.length() > MAX_LENGTH ? id.substring(0, MAX_LENGTH) + "…" : id;
            throw Fault.invalid(
                    what,
                    "\"" + shown + "\" is not an id",
                    "Use 1 to 76 letters, digits and single - _ . between them");
        }
        return id;
    }

    /** Each call checks several; a regular expression takes ten times as long, and before it is compiled much more. */
    static boolean isValid(String id) {
        boolean alphanumeric = false; // the character before
        for (int i = 0; i < id.length(); i++) {
            char c = id.charAt(i);
            if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')) {
                alphanumeric = true;
            } else if (alphanumeric && (c == '-' || c == '.' || c == '_')) {
                alphanumeric = false;
            } else {
                return false;
            }
        }
        return alphanumeric;
    }
}

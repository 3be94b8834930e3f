package dev.berth.oci;

import dev.berth.kernel.Fault;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;

/**
 * The name of some bytes: {@code sha256:} or {@code sha512:} and the hash in lower-case hex. Safe as a part of a path.
 *
 * @param algorithm {@code sha256} or {@code sha512}
 * @param hex 64 or 128 lower-case hex digits
 */
public record Digest(String algorithm, String hex) implements Comparable<Digest> {
    private static final int SHOWN = 160;

    /** @throws Fault INVALID_ARGUMENT if the algorithm is another one, or the hash has the wrong length or letters */
    public Digest {
        int length = digits(algorithm);
        if (length == 0) {
            throw bad(algorithm + ":" + hex, "the algorithm is neither sha256 nor sha512");
        }
        if (hex.length() != length) {
            throw bad(algorithm + ":" + hex, "a " + algorithm + " hash has " + length + " hex digits");
        }
        for (int i = 0; i < length; i++) {
            char c = hex.charAt(i);
            if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
                throw bad(algorithm + ":" + hex, "a hash has only the digits 0-9 and a-f");
            }
        }
    }

    /** Whether there are digests of this algorithm here. */
    public static boolean knows(String algorithm) {
        return digits(algorithm) > 0;
    }

    /** How long a hash is in hex; 0 if the algorithm is unknown. */
    private static int digits(String algorithm) {
        return switch (algorithm) {
            case "sha256" -> 64;
            case "sha512" -> 128;
            default -> 0;
        };
    }

    /**
     * Reads {@code algorithm:hex}.
     *
     * @throws Fault INVALID_ARGUMENT if it is anything else
     */
    public static Digest parse(String text) {
        int colon = text.indexOf(':');
        if (colon < 0) {
            throw bad(text, "there is no colon between algorithm and hash");
        }
        return new Digest(text.substring(0, colon), text.substring(colon + 1));
    }

    /** The sha256 digest of some bytes. */
    public static Digest of(byte[] bytes) {
        return finish(hasher("sha256").digest(bytes), "sha256");
    }

    /** The sha256 digest of what a {@link #hasher()} has seen; resets it. */
    public static Digest sha256(MessageDigest hasher) {
        return finish(hasher.digest(), "sha256");
    }

    /** A new sha256 hasher. */
    public static MessageDigest sha256Hasher() {
        return hasher("sha256");
    }

    /** A new hasher of this digest's algorithm, to check bytes against it with {@link #matches}. */
    public MessageDigest hasher() {
        return hasher(algorithm);
    }

    /** The digest in this one's algorithm of what its {@link #hasher()} has seen; resets the hasher. */
    public Digest finish(MessageDigest hasher) {
        return finish(hasher.digest(), algorithm);
    }

    /** Whether the bytes are the ones that this digest names. */
    public boolean matches(byte[] bytes) {
        MessageDigest hasher = hasher();
        hasher.update(bytes);
        return finish(hasher).equals(this);
    }

    /** The first 12 hex digits, for people. */
    public String shortHex() {
        return hex.substring(0, 12);
    }

    @Override
    public int compareTo(Digest other) {
        return toString().compareTo(other.toString());
    }

    @Override
    public String toString() {
        return algorithm + ":" + hex;
    }

    private static Digest finish(byte[] hash, String algorithm) {
        return new Digest(algorithm, HexFormat.of().formatHex(hash));
    }

    private static MessageDigest hasher(String algorithm) {
        String java = algorithm.toUpperCase(Locale.ROOT).replace("SHA", "SHA-");
        try {
            return MessageDigest.getInstance(java);
        } catch (NoSuchAlgorithmException e) {
            throw Fault.internal("hash", "this JDK has no " + java, "Use a complete JDK")
                    .causedBy(e);
        }
    }

    private static Fault bad(String text, String why) {
        String shown = text.length() > SHOWN ? text.substring(0, SHOWN) + "…" : text;
        return Fault.invalid("digest \"" + shown + "\"", why, "Give it as sha256:<64 hex digits>");
    }
}

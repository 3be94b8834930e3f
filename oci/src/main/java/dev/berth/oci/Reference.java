package dev.berth.oci;

import dev.berth.kernel.Fault;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The full name of an image: registry host, path in it, and a tag or a digest (or both, or neither).
 *
 * <p>{@link #parse} understands the short forms that people type and completes them as Docker does: {@code busybox} is
 * {@code docker.io/library/busybox:latest}.
 *
 * @param domain the registry's host, with a port if it has one, as in {@code docker.io} or {@code 127.0.0.1:5000}
 * @param path the repository in it, as in {@code library/busybox}
 */
public record Reference(String domain, String path, Optional<String> tag, Optional<Digest> digest) {
    private static final int MAX_NAME = 255;
    private static final int MAX_TEXT = 255 + 1 + 128 + 1 + 7 + 128;
    private static final String DEFAULT_DOMAIN = "docker.io";
    private static final String OFFICIAL = "library/";

    private static final Pattern DOMAIN = Pattern.compile(
            "(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*"
                    + "|\\[[a-fA-F0-9:]+])(?::[0-9]{1,5})?");
    private static final Pattern COMPONENT = Pattern.compile("[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*");
    private static final Pattern TAG = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}");
    private static final Pattern HEX_ID = Pattern.compile("[a-f0-9]{64}");

    /** @throws Fault INVALID_ARGUMENT if a part breaks the grammar or the name is longer than 255 characters */
    public Reference {
        String text = domain + "/" + path;
        if (text.length() > MAX_NAME) {
            throw bad(text, "the name is longer than " + MAX_NAME + " characters");
        }
        if (!DOMAIN.matcher(domain).matches()) {
            throw bad(text, "\"" + domain + "\" is not a host name");
        }
        for (String component : path.split("/", -1)) {
            if (!COMPONENT.matcher(component).matches()) {
                throw bad(text, reasonAgainst(component));
            }
        }
        tag.filter(it -> !TAG.matcher(it).matches()).ifPresent(it -> {
            throw bad(text, "\"" + it + "\" is not a tag (letters, digits and _ . -, at most 128)");
        });
    }

    /**
     * Reads a reference and completes it: the host defaults to {@code docker.io}, the path there to {@code library/…}; without tag and
     * digest the tag is {@code latest}; with both, the digest decides and the tag is dropped.
     *
     * @throws Fault INVALID_ARGUMENT if it is empty, too long, or breaks the grammar
     */
    public static Reference parse(String text) {
        Reference exact = parseExactly(text);
        if (exact.digest.isPresent()) {
            return new Reference(exact.domain, exact.path, Optional.empty(), exact.digest);
        }
        return exact.tag.isPresent() ? exact : exact.withTag("latest");
    }

    /**
     * Reads a reference and completes host and path only: tag and digest are as given, perhaps both, perhaps none.
     *
     * @throws Fault INVALID_ARGUMENT if it is empty, too long, or breaks the grammar
     */
    public static Reference parseExactly(String text) {
        if (text.isEmpty()) {
            throw bad(text, "it is empty");
        }
        if (text.length() > MAX_TEXT) {
            throw bad(text, "it is longer than any name, tag and digest");
        }
        if (HEX_ID.matcher(text).matches()) {
            throw bad(text, "64 hex digits are an image id, not a name");
        }
        int at = text.indexOf('@');
        String named = at < 0 ? text : text.substring(0, at);
        Optional<Digest> digest = at < 0 ? Optional.empty() : Optional.of(Digest.parse(text.substring(at + 1)));
        int colon = named.lastIndexOf(':');
        boolean tagged = colon > named.lastIndexOf('/') && (colon > 0 || named.startsWith(":"));
        Optional<String> tag = tagged ? Optional.of(named.substring(colon + 1)) : Optional.empty();
        String name = tagged ? named.substring(0, colon) : named;
        int slash = name.indexOf('/');
        if (slash < 0 || !isDomain(name.substring(0, slash))) {
            return inDefault(name, tag, digest);
        }
        String domain = name.substring(0, slash);
        String path = name.substring(slash + 1);
        return domain.equals(DEFAULT_DOMAIN) || domain.equals("index.docker.io")
                ? inDefault(path, tag, digest)
                : new Reference(domain, path, tag, digest);
    }

    /** Host and path, without tag and digest: {@code docker.io/library/busybox}. */
    public String name() {
        return domain + "/" + path;
    }

    /** What a registry is asked for: the digest if there is one, else the tag, else {@code latest}. */
    public String target() {
        return digest.map(Digest::toString).orElseGet(() -> tag.orElse("latest"));
    }

    public Reference withTag(String newTag) {
        return new Reference(domain, path, Optional.of(newTag), Optional.empty());
    }

    public Reference withDigest(Digest newDigest) {
        return new Reference(domain, path, Optional.empty(), Optional.of(newDigest));
    }

    @Override
    public String toString() {
        return name()
                + tag.map(it -> ":" + it).orElse("")
                + digest.map(it -> "@" + it).orElse("");
    }

    private static Reference inDefault(String path, Optional<String> tag, Optional<Digest> digest) {
        return new Reference(DEFAULT_DOMAIN, path.indexOf('/') < 0 ? OFFICIAL + path : path, tag, digest);
    }

    /** A first component is a host if it could not be a user's name: it has a dot, a port or capitals, or is localhost. */
    private static boolean isDomain(String first) {
        return first.indexOf('.') >= 0
                || first.indexOf(':') >= 0
                || first.equals("localhost")
                || !first.toLowerCase(Locale.ROOT).equals(first);
    }

    private static String reasonAgainst(String component) {
        if (component.isEmpty()) {
            return "a part of the path is empty";
        }
        return component.toLowerCase(Locale.ROOT).equals(component)
                ? "\"" + component + "\" is not a part of a repository's path"
                : "a repository's path must be in lower case";
    }

    private static Fault bad(String text, String why) {
        String shown = text.length() > MAX_NAME ? text.substring(0, MAX_NAME) + "…" : text;
        return Fault.invalid(
                "image reference \"" + shown + "\"", why, "Write it as host/path:tag or host/path@sha256:<hex>");
    }
}

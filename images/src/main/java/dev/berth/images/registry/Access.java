package dev.berth.images.registry;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * How a caller wants registries to be reached this time.
 *
 * @param credentials his own logins
 * @param hosts a tree of {@code HOST/hosts.toml} in the place of the node's; empty for that
 * @param scheme for a registry of whose address no hosts.toml tells
 * @param headers sent with each request to the registry and its mirrors; secrets among them only to the registry
 * @param transcript what he wants to read of what is said
 */
public record Access(
        Credentials credentials,
        Optional<Path> hosts,
        Scheme scheme,
        Map<String, String> headers,
        Transcript transcript) {
    /** As anybody, in the node's usual way. */
    public static final Access ANONYMOUS = of(Credentials.ANONYMOUS);

    /** What is spoken to a registry. Docker's is always spoken to by TLS. */
    public enum Scheme {
        /** TLS; plain HTTP with this machine, if it does not understand the other. */
        USUAL,
        HTTP,
        HTTPS
    }

    public Access {
        headers = Map.copyOf(headers);
    }

    /** Without reading along. */
    public Access(Credentials credentials, Optional<Path> hosts, Scheme scheme, Map<String, String> headers) {
        this(credentials, hosts, scheme, headers, Transcript.NONE);
    }

    public static Access of(Credentials credentials) {
        return new Access(credentials, Optional.empty(), Scheme.USUAL, Map.of());
    }

    public Access with(Credentials newCredentials) {
        return new Access(newCredentials, hosts, scheme, headers, transcript);
    }

    public Access with(Transcript newTranscript) {
        return new Access(credentials, hosts, scheme, headers, newTranscript);
    }

    /** Without the values of headers, which may be secrets. */
    @Override
    public String toString() {
        return "Access[" + credentials + ", " + hosts + ", " + scheme + ", " + headers.keySet() + "]";
    }
}

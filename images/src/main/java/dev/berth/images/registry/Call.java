package dev.berth.images.registry;

import java.net.URI;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One request, without what the host's settings add.
 *
 * @param body null for none
 */
record Call(
        String method,
        URI address,
        Map<String, String> headers,
        @Nullable Body body) {
    static Call get(URI address, Map<String, String> headers) {
        return new Call("GET", address, headers, null);
    }

    static Call head(URI address, Map<String, String> headers) {
        return new Call("HEAD", address, headers, null);
    }

    /** Whether it brings something that is to be kept. */
    boolean brings() {
        return method.equals("PUT") || method.equals("PATCH");
    }

    /** Whether a redirect may be followed without asking the caller: what has a body goes on only if the status says so. */
    boolean follows(int status) {
        return switch (status) {
            case 307, 308 -> true;
            case 301, 302, 303 -> method.equals("GET") || method.equals("HEAD");
            default -> false;
        };
    }
}

package dev.berth.cri.grpc;

import dev.berth.images.registry.Credentials;
import dev.berth.kernel.Fault;
import dev.berth.wire.cri.AuthConfig;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Optional;

/**
 * The user and password that came with a pull. They are meant for the image's own registry; if the caller names a server,
 * for that one only.
 *
 * @param server host with port; empty for whichever host is asked
 */
record CallerLogin(String server, String username, String password) implements Credentials {
    static Credentials of(AuthConfig auth) {
        String server = auth.getServerAddress().replaceFirst("^https?://", "").replaceFirst("/.*$", "");
        if (!auth.getUsername().isEmpty()) {
            return new CallerLogin(server, auth.getUsername(), auth.getPassword());
        }
        if (auth.getAuth().isEmpty()) {
            return Credentials.ANONYMOUS;
        }
        String[] parts = decode(auth.getAuth()).split(":", 2);
        if (parts.length < 2) {
            throw malformed();
        }
        return new CallerLogin(server, parts[0], parts[1].replaceFirst("\0+$", ""));
    }

    private static String decode(String auth) {
        try {
            return new String(Base64.getDecoder().decode(auth), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw malformed().causedBy(e);
        }
    }

    private static Fault malformed() {
        return Fault.invalid("pull an image", "its auth field is not base64 of user:password", "Mend the pull secret");
    }

    @Override
    public Optional<Login> forHost(String host) {
        return server.isEmpty() || server.equals(host) ? Optional.of(new Login(username, password)) : Optional.empty();
    }

    @Override
    public String toString() {
        return "CallerLogin[" + server + ", " + username + "]";
    }
}

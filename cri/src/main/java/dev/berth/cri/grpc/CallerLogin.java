package dev.berth.cri.grpc;

import dev.berth.images.registry.Credentials;
import dev.berth.images.registry.Credentials.Login;
import dev.berth.kernel.Fault;
import dev.berth.wire.cri.AuthConfig;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/**
 * The login that came with a pull. It is meant for the image's own registry; if the caller names a server, for that one. Of several
 * kinds in one message the first of these counts: name and password, identity token, base64 of both, registry token.
 */
final class CallerLogin {
    private CallerLogin() {}

    /** @throws Fault INVALID_ARGUMENT if it is malformed */
    static Credentials of(AuthConfig auth) {
        if (!auth.getPassword().isEmpty()) {
            return login(auth, new Login.Password(auth.getUsername(), auth.getPassword()));
        }
        if (!auth.getIdentityToken().isEmpty()) {
            return login(auth, new Login.IdentityToken(auth.getIdentityToken()));
        }
        if (!auth.getAuth().isEmpty()) {
            return login(auth, pair(auth.getAuth()));
        }
        if (!auth.getRegistryToken().isEmpty()) {
            return login(auth, new Login.RegistryToken(auth.getRegistryToken()));
        }
        return auth.getUsername().isEmpty()
                ? Credentials.ANONYMOUS
                : login(auth, new Login.Password(auth.getUsername(), ""));
    }

    private static Credentials login(AuthConfig auth, Login login) {
        return Credentials.of(auth.getServerAddress(), login);
    }

    private static Login pair(String base64) {
        String[] parts = decode(base64).split(":", 2);
        if (parts.length < 2) {
            throw malformed();
        }
        return new Login.Password(parts[0], parts[1].replaceFirst("\0+$", ""));
    }

    /** As Go reads base64, over the ends of lines, which tools put there. */
    private static String decode(String auth) {
        try {
            return new String(Base64.getDecoder().decode(auth.replaceAll("[\\r\\n]", "")), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw malformed().causedBy(e);
        }
    }

    private static Fault malformed() {
        return Fault.invalid("pull an image", "its auth field is not base64 of user:password", "Mend the pull secret");
    }
}

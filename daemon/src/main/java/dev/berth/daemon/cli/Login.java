package dev.berth.daemon.cli;

import com.google.protobuf.Any;
import dev.berth.wire.containerd.transfertypes.AuthResponse;
import dev.berth.wire.containerd.transfertypes.AuthType;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A name and a password for a registry, given to the daemon when it asks. */
record Login(String user, @Nullable String password) implements SideStream.Receiver {
    /** Reads {@code NAME[:PASSWORD]}. */
    static @Nullable Login parse(Arguments arguments) {
        String given = arguments.value("--user", "-u");
        if (given == null) {
            return null;
        }
        int colon = given.indexOf(':');
        String user = colon < 0 ? given : given.substring(0, colon);
        if (user.isEmpty()) {
            throw new Misuse("--user wants NAME or NAME:PASSWORD");
        }
        return new Login(user, colon < 0 ? null : given.substring(colon + 1));
    }

    /** The same with a password; asks for it if it is missing. */
    Login complete(Terminal terminal) throws IOException {
        return password != null ? this : new Login(user, terminal.secret("Password of " + user));
    }

    @Override
    public void got(SideStream stream, Any question) {
        stream.send(AuthResponse.newBuilder()
                .setAuthType(AuthType.CREDENTIALS)
                .setUsername(user)
                .setSecret(password == null ? "" : password)
                .build());
    }

    @Override
    public String toString() {
        return "Login[" + user + "]";
    }
}

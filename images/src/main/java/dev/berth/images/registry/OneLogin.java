package dev.berth.images.registry;

import java.util.Optional;

/** A login that came with a request or stands in the config. */
record OneLogin(ServerName server, Credentials.Login login) implements Credentials {
    @Override
    public Optional<Login> login(Asked asked) {
        return server.isAskedBy(asked) ? Optional.of(login) : Optional.empty();
    }
}

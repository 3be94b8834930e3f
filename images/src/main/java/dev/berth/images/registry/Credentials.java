package dev.berth.images.registry;

import java.util.Optional;

/** Where passwords for registries come from. */
public interface Credentials {
    /** Nobody's: only what is public can be pulled. */
    Credentials ANONYMOUS = host -> Optional.empty();

    /**
     * What to present to a host.
     *
     * @param host host with port as in the reference or in hosts.toml, as in {@code registry-1.docker.io} or {@code 10.0.0.1:5000}
     */
    Optional<Login> forHost(String host);

    /** A user's name and password. It never shows the password. */
    record Login(String username, String password) {
        @Override
        public String toString() {
            return "Login[" + username + "]";
        }
    }
}

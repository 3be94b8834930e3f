package dev.berth.images.registry;

import java.util.List;
import java.util.Optional;

/** Where logins for registries come from. */
public interface Credentials {
    /** Nobody's: only what is public can be pulled. */
    Credentials ANONYMOUS = asked -> Optional.empty();

    /**
     * What to present to a host that asks.
     *
     * @throws dev.berth.kernel.Fault if there may be a login, but it cannot be found out
     */
    Optional<Login> login(Asked asked);

    /**
     * Who asks for a login.
     *
     * @param host host with port of the server that asks, as in {@code registry-1.docker.io} or {@code 10.0.0.1:5000}
     * @param registry the domain of the reference, as in {@code docker.io}
     * @param repository the path in it, as in {@code library/busybox}
     * @param mirror whether the server is somebody else than that registry, who must not see its logins
     */
    record Asked(String host, String registry, String repository, boolean mirror) {}

    /** A proof of who one is. None of them shows its secret as text. */
    sealed interface Login {
        /** A name and a password, or what a registry takes for one. */
        record Password(String username, String password) implements Login {
            @Override
            public String toString() {
                return "Password[" + username + "]";
            }
        }

        /** What Docker calls an identity token, and OAuth 2 a refresh token: the token server gives passes for it. */
        record IdentityToken(String token) implements Login {
            @Override
            public String toString() {
                return "IdentityToken";
            }
        }

        /** A pass that was got elsewhere, shown to the registry as it is. */
        record RegistryToken(String token) implements Login {
            @Override
            public String toString() {
                return "RegistryToken";
            }
        }
    }

    /**
     * A login for one server.
     *
     * @param server its address as people write it, with or without scheme and path; empty for the registry of whatever is asked for
     */
    static Credentials of(String server, Login login) {
        return new OneLogin(ServerName.of(server), login);
    }

    /** The first that knows a login is asked, and no other. */
    static Credentials firstOf(List<Credentials> sources) {
        List<Credentials> known =
                sources.stream().filter(it -> !ANONYMOUS.equals(it)).toList();
        return known.isEmpty() ? ANONYMOUS : known.size() == 1 ? known.getFirst() : new FirstOf(known);
    }

    /** Several sources; a record, so that equal ones make equal pulls. */
    record FirstOf(List<Credentials> sources) implements Credentials {
        @Override
        public Optional<Login> login(Asked asked) {
            return sources.stream().flatMap(it -> it.login(asked).stream()).findFirst();
        }
    }
}

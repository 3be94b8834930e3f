package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Answers the challenges of the hosts of one repository for one caller, and remembers the answers. Basic, and Docker's tokens: the
 * host names a realm, the realm gives a token for some scopes, to anybody for public images. A token whose time is over is replaced
 * before it is used again.
 */
final class Authorizer {
    /** A host, and what it is asked for. */
    private record Key(String host, List<Scope> scopes) {}

    /** What met a challenge, and until when it will again; the challenge is null if that has no end. */
    private record Met(String header, long until, @Nullable Challenge challenge) {}

    private final Transport transport;
    private final Credentials credentials;
    private final Reference reference;
    private final Ticker ticker;
    private final Map<Key, Met> known = new HashMap<>();
    private final Map<String, String> identities = new HashMap<>();
    private final ReentrantLock lock =
            new ReentrantLock(); // also held while a token is fetched: one request, not one a layer

    Authorizer(Transport transport, Credentials credentials, Reference reference, Ticker ticker) {
        this.transport = transport;
        this.credentials = credentials;
        this.reference = reference;
        this.ticker = ticker;
    }

    /** The header that the host took last, or what has taken its place since; null if none is known. */
    @Nullable
    String known(Host host, List<Scope> scopes) throws Refused, InterruptedException {
        lock.lockInterruptibly();
        try {
            Key key = new Key(host.base().toString(), scopes);
            Met met = known.get(key);
            if (met == null || met.challenge == null || ticker.nanos() - met.until < 0) {
                return met == null ? null : met.header;
            }
            known.remove(key);
            return token(key, host, met.challenge, login(host)).header;
        } finally {
            lock.unlock();
        }
    }

    /**
     * The header that meets a challenge.
     *
     * @param rejected the one that the host has just refused, null if none was sent
     * @return empty if we have nothing to offer
     */
    Optional<String> meet(Host host, List<Scope> scopes, List<String> headers, @Nullable String rejected)
            throws Refused, InterruptedException {
        lock.lockInterruptibly();
        try {
            Key key = new Key(host.base().toString(), scopes);
            Met current = known.get(key);
            if (current != null && !current.header.equals(rejected)) {
                return Optional.of(current.header); // somebody else met it meanwhile
            }
            Optional<Credentials.Login> login = login(host);
            for (Challenge challenge : Challenge.parse(headers)) {
                Optional<Met> met = Optional.empty();
                if (challenge.scheme().equals("bearer")) {
                    met = Optional.of(bearer(key, host, challenge, login));
                } else if (challenge.scheme().equals("basic")
                        && login.isPresent()
                        && login.get() instanceof Credentials.Login.Password password) {
                    met = Optional.of(new Met(TokenServer.basic(password), 0, null));
                }
                if (met.isPresent() && !met.get().header.equals(rejected)) {
                    known.put(key, met.get());
                    return Optional.of(met.get().header);
                }
            }
            return Optional.empty();
        } finally {
            lock.unlock();
        }
    }

    private Met bearer(Key key, Host host, Challenge challenge, Optional<Credentials.Login> login)
            throws Refused, InterruptedException {
        return login.isPresent() && login.get() instanceof Credentials.Login.RegistryToken(String token)
                ? new Met("Bearer " + token, 0, null)
                : token(key, host, challenge, login);
    }

    private Met token(Key key, Host host, Challenge challenge, Optional<Credentials.Login> login)
            throws Refused, InterruptedException {
        String newer = identities.get(host.authority());
        Optional<Credentials.Login> shown =
                login.isPresent() && login.get() instanceof Credentials.Login.IdentityToken && newer != null
                        ? Optional.of(new Credentials.Login.IdentityToken(newer))
                        : login;
        List<Scope> scopes = Scope.merge(key.scopes, Scope.parse(challenge.parameter("scope")));
        TokenServer.Pass pass = new TokenServer(transport, host, challenge).pass(shown, scopes);
        pass.identity().ifPresent(it -> identities.put(host.authority(), it));
        long life = pass.life().toNanos();
        Met met = new Met("Bearer " + pass.token(), ticker.nanos() + life - life / 10, challenge);
        known.put(key, met);
        return met;
    }

    private Optional<Credentials.Login> login(Host host) throws Refused {
        boolean mirror = host.role() == Host.Role.MIRROR && !ServerName.same(host.authority(), reference.domain());
        try {
            return credentials.login(
                    new Credentials.Asked(host.authority(), reference.domain(), reference.path(), mirror));
        } catch (Fault e) {
            throw Refused.forGood(e);
        }
    }
}

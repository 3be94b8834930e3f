package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import io.avaje.json.JsonException;
import io.avaje.jsonb.Json;
import io.avaje.jsonb.Jsonb;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Answers the challenges of the hosts of one repository for one caller, and remembers the answers. Basic, and Docker's
 * tokens: the host names a realm, the realm gives a token for a scope, to anybody for public images.
 */
final class Authorizer {
    private static final int MAX_TOKEN_BYTES = 1 << 20;
    private static final Jsonb JSONB = Jsonb.builder().build();

    private final Transport transport;
    private final Credentials credentials;
    private final String scope;
    private final Map<String, String> known = new HashMap<>();
    private final ReentrantLock lock =
            new ReentrantLock(); // also held while a token is fetched: one request, not one a layer

    /** @param scope what to ask for where the host does not say */
    Authorizer(Transport transport, Credentials credentials, String scope) {
        this.transport = transport;
        this.credentials = credentials;
        this.scope = scope;
    }

    /** The header that the host took last; null if none is known. */
    @Nullable
    String known(Host host) {
        lock.lock();
        try {
            return known.get(host.base().toString());
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
    Optional<String> meet(Host host, List<String> headers, @Nullable String rejected)
            throws Refused, InterruptedException {
        lock.lockInterruptibly();
        try {
            String current = known.get(host.base().toString());
            if (current != null && !current.equals(rejected)) {
                return Optional.of(current); // somebody else met it meanwhile
            }
            Optional<Credentials.Login> login = credentials.forHost(host.authority());
            for (Challenge challenge : Challenge.parse(headers)) {
                Optional<String> header = Optional.empty();
                if (challenge.scheme().equals("bearer")) {
                    header = Optional.of("Bearer " + token(host, challenge, login));
                } else if (challenge.scheme().equals("basic")) {
                    header = login.map(Authorizer::basic);
                }
                if (header.isPresent() && !header.get().equals(rejected)) {
                    known.put(host.base().toString(), header.get());
                    return header;
                }
            }
            return Optional.empty();
        } finally {
            lock.unlock();
        }
    }

    private String token(Host host, Challenge challenge, Optional<Credentials.Login> login)
            throws Refused, InterruptedException {
        URI realm = realm(host, challenge);
        String what = "token for " + host.authority() + " from " + realm.getAuthority();
        String basic = login.map(Authorizer::basic).orElse(null);
        try (Answer answer = transport.send(host, "GET", realm, Map.of("Accept", "application/json"), basic)) {
            if (answer.status() != 200) {
                throw Statuses.refuse(what, "", answer, transport.patience());
            }
            byte[] body = answer.bytes(MAX_TOKEN_BYTES, transport.patience().stall());
            Token token =
                    body == null ? null : JSONB.type(Token.class).fromJson(new String(body, StandardCharsets.UTF_8));
            String text = token == null ? "" : token.text();
            if (!text.matches("[\\x21-\\x7e]+")) {
                throw Refused.forGood(Fault.unavailable(what, "its answer holds no token", ""));
            }
            return text;
        } catch (JsonException e) {
            throw Refused.forGood(Fault.unavailable(what, "its answer is not the JSON expected", "")
                    .causedBy(e));
        } catch (IOException e) {
            throw Refused.forNow(
                    Fault.unavailable(what, Text.reason(e), "Try again later").causedBy(e));
        }
    }

    private URI realm(Host host, Challenge challenge) throws Refused {
        try {
            URI realm = URI.create(challenge.parameter("realm"));
            boolean secure = "https".equalsIgnoreCase(realm.getScheme());
            boolean asPlainAsTheHost = "http".equalsIgnoreCase(realm.getScheme())
                    && "http".equalsIgnoreCase(host.base().getScheme());
            if ((secure || asPlainAsTheHost) && realm.getHost() != null && realm.getUserInfo() == null) {
                String asked = challenge.parameter("scope").isEmpty() ? scope : challenge.parameter("scope");
                String query = "scope=" + URLEncoder.encode(asked, StandardCharsets.UTF_8);
                if (!challenge.parameter("service").isEmpty()) {
                    query = "service=" + URLEncoder.encode(challenge.parameter("service"), StandardCharsets.UTF_8) + "&"
                            + query;
                }
                return URI.create(realm + (realm.getRawQuery() == null ? "?" : "&") + query);
            }
        } catch (IllegalArgumentException e) {
            // told below
        }
        throw Refused.forGood(Fault.unavailable(
                "authentication at " + host.authority(),
                "its token server \"" + Text.shown(challenge.parameter("realm"), 100)
                        + "\" is not an address that can be trusted",
                ""));
    }

    private static String basic(Credentials.Login login) {
        byte[] pair = (login.username() + ":" + login.password()).getBytes(StandardCharsets.UTF_8);
        return "Basic " + Base64.getEncoder().encodeToString(pair);
    }

    /** A token server's answer; which of the two names it uses is a matter of taste. */
    @Json
    record Token(
            @Nullable String token,
            @Json.Property("access_token") @Nullable String accessToken) {
        String text() {
            return token != null && !token.isEmpty() ? token : accessToken == null ? "" : accessToken;
        }
    }
}

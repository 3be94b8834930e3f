package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.oci.Adapters;
import io.avaje.json.JsonException;
import io.avaje.jsonb.Json;
import io.avaje.jsonb.Jsonb;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Asks the token server that a registry names for a pass: with a GET, as anybody or with a name and password; with the POST of
 * OAuth 2 for an identity token, and where a server knows no other way to take a name and password.
 *
 * @see <a href="https://distribution.github.io/distribution/spec/auth/token/">Token authentication</a>
 * @see <a href="https://distribution.github.io/distribution/spec/auth/oauth/">OAuth 2 token authentication</a>
 */
final class TokenServer {
    private static final int MAX_TOKEN_BYTES = 1 << 20;
    private static final Duration SHORTEST = Duration.ofSeconds(60); // what a token is good for if nobody says
    private static final Duration LONGEST = Duration.ofDays(1); // whatever somebody says: its end must be a time
    private static final Set<Integer> NO_GET = Set.of(404, 405);
    private static final Jsonb JSONB = Adapters.of(Jsonb.builder());

    /**
     * A pass.
     *
     * @param life how long it is good for
     * @param identity replaces the identity token that it was got with; empty if that goes on
     */
    record Pass(String token, Duration life, Optional<String> identity) {
        @Override
        public String toString() {
            return "Pass[" + life + "]";
        }
    }

    private final Transport transport;
    private final Host host;
    private final Challenge challenge;
    private final String what;

    TokenServer(Transport transport, Host host, Challenge challenge) {
        this.transport = transport;
        this.host = host;
        this.challenge = challenge;
        this.what = "login at " + host.authority();
    }

    /**
     * Asks for a pass.
     *
     * @param login a name with a password or an identity token; empty for what anybody may have
     */
    Pass pass(Optional<Credentials.Login> login, List<Scope> scopes) throws Refused, InterruptedException {
        URI realm = realm();
        if (login.isPresent() && login.get() instanceof Credentials.Login.IdentityToken(String identity)) {
            return ask(forIdentity(realm, identity, scopes), null);
        }
        Call get = Call.get(query(realm, scopes), Map.of("Accept", "application/json"));
        if (login.isPresent() && login.get() instanceof Credentials.Login.Password password) {
            try {
                return ask(get, basic(password));
            } catch (Refused e) {
                if (NO_GET.contains(e.status())) {
                    return ask(forPassword(realm, password, scopes), null);
                }
                throw e;
            }
        }
        return ask(get, null);
    }

    private URI query(URI realm, List<Scope> scopes) {
        StringBuilder query = new StringBuilder();
        if (!challenge.parameter("service").isEmpty()) {
            query.append("&service=").append(encoded(challenge.parameter("service")));
        }
        scopes.forEach(scope -> query.append("&scope=").append(encoded(scope.toString())));
        String separator = realm.getRawQuery() == null ? "?" : "&";
        return query.isEmpty() ? realm : URI.create(realm + separator + query.substring(1));
    }

    private Call forIdentity(URI realm, String identity, List<Scope> scopes) {
        return form(realm, "refresh_token", scopes, "&refresh_token=" + encoded(identity));
    }

    private Call forPassword(URI realm, Credentials.Login.Password login, List<Scope> scopes) {
        String proof = "&username=" + encoded(login.username()) + "&password=" + encoded(login.password());
        return form(realm, "password", scopes, proof);
    }

    private Call form(URI realm, String grant, List<Scope> scopes, String proof) {
        String form = "grant_type=" + grant + "&client_id=berth&service=" + encoded(challenge.parameter("service"))
                + "&scope=" + encoded(scopes.stream().map(Scope::toString).collect(Collectors.joining(" "))) + proof;
        return new Call(
                "POST",
                realm,
                Map.of("Accept", "application/json", "Content-Type", "application/x-www-form-urlencoded"),
                Body.secret(form.getBytes(StandardCharsets.UTF_8)));
    }

    private Pass ask(Call call, @Nullable String authorization) throws Refused, InterruptedException {
        try (Answer answer = transport.send(host, call, authorization)) {
            if (answer.status() != 200) {
                throw refusal(answer);
            }
            byte[] body = answer.bytes(MAX_TOKEN_BYTES, transport.patience().stall());
            if (body == null) {
                throw Refused.forGood(wrong("its answer has more than " + MAX_TOKEN_BYTES + " bytes"));
            }
            return read(new String(body, StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw Refused.forNow(
                    Fault.unavailable(what, Text.reason(e), "Try again later").causedBy(e));
        }
    }

    /** Of the login, or for now; anything else is no word about the image. */
    private Refused refusal(Answer answer) throws InterruptedException {
        Refused refused = Statuses.refuse(what, "token server", answer, transport.patience());
        boolean meant = refused.again() || answer.status() == 401 || answer.status() == 403;
        if (meant) {
            return refused;
        }
        Refused wrong = Refused.forGood(wrong("it answers with status " + answer.status()));
        // no other is told: a 400 would be taken for that of a host who wants to be spoken to by TLS
        return NO_GET.contains(answer.status()) ? wrong.withStatus(answer.status()) : wrong;
    }

    private Pass read(String json) throws Refused {
        try {
            Token token = JSONB.type(Token.class).fromJson(json);
            String text = token == null ? "" : token.text();
            if (token == null || !text.matches("[\\x21-\\x7e]+")) {
                throw Refused.forGood(wrong("its answer holds no token"));
            }
            Duration life =
                    token.expiresIn > 0 ? Duration.ofSeconds(Math.min(token.expiresIn, LONGEST.toSeconds())) : SHORTEST;
            return new Pass(text, life, Optional.ofNullable(token.refreshToken).filter(it -> !it.isEmpty()));
        } catch (JsonException e) {
            throw Refused.forGood(wrong("its answer is not the JSON expected").causedBy(e));
        }
    }

    private Fault wrong(String why) {
        return Fault.unavailable(
                what,
                "its token server " + Text.shown(challenge.parameter("realm"), 100) + " does not work: " + why,
                "Check the registry's settings, and that no login page of a proxy is in between");
    }

    /** Where to ask. Over plain HTTP only for a host that is plain itself. */
    private URI realm() throws Refused {
        try {
            URI realm = URI.create(challenge.parameter("realm"));
            boolean secure = "https".equalsIgnoreCase(realm.getScheme());
            boolean asPlainAsTheHost = "http".equalsIgnoreCase(realm.getScheme())
                    && "http".equalsIgnoreCase(host.base().getScheme());
            if ((secure || asPlainAsTheHost) && realm.getHost() != null && realm.getUserInfo() == null) {
                return realm;
            }
        } catch (IllegalArgumentException e) {
            // told below
        }
        throw Refused.forGood(Fault.unavailable(
                what,
                "its token server \"" + Text.shown(challenge.parameter("realm"), 100)
                        + "\" is not an address that can be trusted",
                "Let the registry name one with https"));
    }

    static String basic(Credentials.Login.Password login) {
        byte[] pair = (login.username() + ":" + login.password()).getBytes(StandardCharsets.UTF_8);
        return "Basic " + Base64.getEncoder().encodeToString(pair);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    /** A token server's answer; which of the two names it uses is a matter of taste. */
    @Json
    record Token(
            @Nullable String token,
            @Json.Property("access_token") @Nullable String accessToken,
            @Json.Property("refresh_token") @Nullable String refreshToken,
            @Json.Property("expires_in") long expiresIn) {
        String text() {
            return token != null && !token.isEmpty() ? token : accessToken == null ? "" : accessToken;
        }
    }
}

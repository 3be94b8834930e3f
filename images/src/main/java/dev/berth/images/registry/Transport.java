package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Sends one request and follows its redirects. Authorization and configured headers stay with the host that they were meant
 * for; from https nobody is led back to http.
 */
final class Transport implements AutoCloseable {
    private static final int MAX_REDIRECTS = 8;
    private static final String USER_AGENT = "berth/0.1";

    /** What makes two connections differ. */
    private record ClientKey(Host.Tls tls, Duration connect, boolean secure) {}

    private final Patience patience;
    private final Map<ClientKey, HttpClient> clients = new ConcurrentHashMap<>();

    Transport(Patience patience) {
        this.patience = patience;
    }

    Patience patience() {
        return patience;
    }

    /**
     * Sends a request without a body.
     *
     * @param via whose TLS settings, time-out and headers apply
     * @param authorization sent to the address's own host only; null for none
     * @throws Refused if no answer comes or a redirect is not followed; any status that is no redirect is an answer
     */
    Answer send(Host via, String method, URI address, Map<String, String> headers, @Nullable String authorization)
            throws Refused, InterruptedException {
        URI target = address;
        for (int hops = 0; hops <= MAX_REDIRECTS; hops++) {
            HttpRequest.Builder request =
                    HttpRequest.newBuilder(target).method(method, HttpRequest.BodyPublishers.noBody());
            request.setHeader("User-Agent", USER_AGENT);
            if (Host.sameOrigin(target, via.base())) {
                configured(via, request);
            }
            headers.forEach(request::setHeader);
            if (authorization != null && Host.sameOrigin(target, address)) {
                request.setHeader("Authorization", authorization);
            }
            Answer answer = exchange(via, request.build());
            if (!isRedirect(answer)) {
                return answer;
            }
            answer.close();
            target = next(target, answer.header("Location"));
        }
        throw Refused.forGood(Fault.unavailable(
                method + " " + address.getHost(), "it redirects in a circle", "Check the registry or its proxy"));
    }

    private static void configured(Host via, HttpRequest.Builder request) throws Refused {
        try {
            via.headers().forEach((name, values) -> values.forEach(value -> request.header(name, value)));
        } catch (IllegalArgumentException e) {
            throw Refused.forGood(Fault.precondition(
                    "headers for " + via.authority(), String.valueOf(e.getMessage()), "Correct hosts.toml"));
        }
    }

    private static boolean isRedirect(Answer answer) {
        return switch (answer.status()) {
            case 301, 302, 303, 307, 308 -> !answer.header("Location").isEmpty();
            default -> false;
        };
    }

    private static URI next(URI from, String location) throws Refused {
        try {
            URI to = from.resolve(location);
            boolean web = "https".equalsIgnoreCase(to.getScheme()) || "http".equalsIgnoreCase(to.getScheme());
            if (web && to.getHost() != null && to.getUserInfo() == null) {
                if ("https".equalsIgnoreCase(to.getScheme()) || "http".equalsIgnoreCase(from.getScheme())) {
                    return to;
                }
                throw Refused.forGood(Fault.unavailable(
                        "redirect from " + from.getHost(),
                        "it leads from https to plain http at " + to.getHost(),
                        "Let the registry redirect to https"));
            }
        } catch (IllegalArgumentException e) {
            // told below
        }
        String shown = Text.shown(location, 80);
        throw Refused.forGood(Fault.unavailable(
                "redirect from " + from.getHost(), "\"" + shown + "\" is not an address to follow", ""));
    }

    private Answer exchange(Host via, HttpRequest request) throws Refused, InterruptedException {
        CompletableFuture<HttpResponse<BodyStream>> pending =
                client(via, request.uri()).sendAsync(request, head -> new BodyStream());
        String what = "registry " + request.uri().getAuthority();
        try {
            HttpResponse<BodyStream> response = pending.get(answerLimit(via).toMillis(), TimeUnit.MILLISECONDS);
            return new Answer(response.statusCode(), response.headers(), request.uri(), response.body());
        } catch (TimeoutException e) {
            throw Refused.forNow(Fault.unavailable(
                    what,
                    "it took the request but did not answer within " + seconds(patience.answer()),
                    "Try again later"));
        } catch (ExecutionException e) {
            throw failure(request.uri(), what, via, e.getCause() == null ? e : e.getCause());
        } finally {
            if (!pending.isDone()) {
                pending.cancel(true);
            }
        }
    }

    private Duration answerLimit(Host via) {
        return via.dialTimeout().orElse(patience.connect()).plus(patience.answer());
    }

    private Refused failure(URI target, String what, Host via, Throwable cause) {
        Duration limit = via.dialTimeout().orElse(patience.connect());
        if (cause instanceof HttpConnectTimeoutException) {
            return Refused.forNow(NoConnection.timedOut(target, what, limit).causedBy(cause));
        }
        if (cause instanceof ConnectException) {
            return Refused.forNow(NoConnection.to(target, what, limit, cause));
        }
        if (cause instanceof SSLException) {
            return Refused.forGood(noTrust(what, cause).causedBy(cause));
        }
        Fault fault = Fault.unavailable(what, "the connection broke: " + Text.reason(cause), "Try again later")
                .causedBy(cause);
        return cause instanceof IOException ? Refused.forNow(fault) : Refused.forGood(fault);
    }

    private static Fault noTrust(String what, Throwable cause) {
        for (Throwable each = cause; each != null; each = each.getCause()) {
            if (each instanceof CertificateException) {
                return Fault.unavailable(
                        what,
                        "its TLS certificate is not trusted: " + Text.reason(each),
                        "Add its authority to the system's, or name it as ca in hosts.toml");
            }
        }
        return Fault.unavailable(
                what,
                "TLS with it does not work: " + Text.reason(cause),
                "Check the registry; if it serves plain http, give it a server with http:// in hosts.toml");
    }

    private HttpClient client(Host via, URI target) {
        boolean secure = "https".equalsIgnoreCase(target.getScheme());
        Duration connect = via.dialTimeout().orElse(patience.connect());
        ClientKey key = new ClientKey(secure ? via.tls() : Host.Tls.DEFAULT, connect, secure);
        return clients.computeIfAbsent(key, Transport::newClient);
    }

    private static HttpClient newClient(ClientKey key) {
        HttpClient.Builder builder = HttpClient.newBuilder()
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(key.connect());
        if (key.secure()) {
            return builder.sslContext(Trust.context(key.tls())).build();
        }
        // Over plain HTTP the upgrade to HTTP/2 confuses more servers than it helps.
        return builder.version(HttpClient.Version.HTTP_1_1)
                .sslContext(Trust.nobody())
                .build();
    }

    private static String seconds(Duration time) {
        return time.toMillis() / 1000.0 + " s";
    }

    @Override
    public void close() {
        clients.values().forEach(HttpClient::shutdownNow);
    }
}

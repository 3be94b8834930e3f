package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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

    /** A client and the state of the files that it was made from. */
    private record Made(HttpClient client, Map<Path, Object> files) {}

    private final Patience patience;
    private final Proxies proxies;
    private final Map<ClientKey, Made> clients = new ConcurrentHashMap<>();
    private final Set<String> overTls = ConcurrentHashMap.newKeySet();

    Transport(Patience patience, Proxies proxies) {
        this.patience = patience;
        this.proxies = proxies;
    }

    Patience patience() {
        return patience;
    }

    /** The host as it is known to be spoken to. */
    Host actual(Host host) {
        return host.perhapsTls() && overTls.contains(host.authority()) ? host.overTls() : host;
    }

    /** Notes that a host with a plain address speaks TLS. */
    void speaksTls(Host host) {
        overTls.add(host.authority());
    }

    /**
     * Sends a request.
     *
     * @param via whose TLS settings, time-out and headers apply
     * @param authorization sent to the address's own host only; null for none
     * @throws Refused if no answer comes or a redirect leads nowhere; any status that is no redirect is an answer
     */
    Answer send(Host via, Call call, @Nullable String authorization) throws Refused, InterruptedException {
        URI target = call.address();
        for (int hops = 0; hops <= MAX_REDIRECTS; hops++) {
            Answer answer = exchange(via, request(via, call, target, authorization), call.body());
            if (!call.follows(answer.status()) || answer.header("Location").isEmpty()) {
                return answer;
            }
            answer.close();
            target = next(target, answer.header("Location"));
            Body body = call.body();
            if (body != null && body.isSecret() && !Host.sameOrigin(target, call.address())) {
                throw Refused.forGood(Fault.unavailable(
                        call.method() + " " + call.address().getHost(),
                        "it passes on to " + target.getHost() + ", which must not see the credentials",
                        "Check the registry's token server"));
            }
        }
        throw Refused.forGood(Fault.unavailable(
                call.method() + " " + call.address().getHost(),
                "it redirects in a circle",
                "Check the registry or its proxy"));
    }

    private HttpRequest request(Host via, Call call, URI target, @Nullable String authorization) throws Refused {
        Body body = call.body();
        HttpRequest.Builder request = HttpRequest.newBuilder(target)
                .method(call.method(), body == null ? HttpRequest.BodyPublishers.noBody() : body.publisher());
        request.setHeader("User-Agent", USER_AGENT);
        request.setHeader("Accept-Encoding", "identity"); // lengths, ranges and digests are of the bytes as they are
        if (Host.sameOrigin(target, via.base())) {
            configured(via, request);
        }
        call.headers().forEach(request::setHeader);
        if (authorization != null && Host.sameOrigin(target, call.address())) {
            request.setHeader("Authorization", authorization);
        }
        String pass = proxies.via(target).map(Proxies.Via::authorization).orElse("");
        if (!pass.isEmpty()) {
            request.setHeader("Proxy-Authorization", pass);
        }
        return request.build();
    }

    private static void configured(Host via, HttpRequest.Builder request) throws Refused {
        try {
            via.headers().forEach((name, values) -> values.forEach(value -> request.header(name, value)));
        } catch (IllegalArgumentException e) {
            throw Refused.forGood(Fault.precondition(
                    "headers for " + via.authority(), String.valueOf(e.getMessage()), "Correct hosts.toml"));
        }
    }

    /** Where an address leads that a server gave: anywhere on the web, but not from https to http. */
    static URI next(URI from, String location) throws Refused {
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
                "redirect from " + from.getHost(),
                "\"" + shown + "\" is not an address to follow",
                "Check the registry or its proxy"));
    }

    private Answer exchange(Host via, HttpRequest request, @Nullable Body body) throws Refused, InterruptedException {
        CompletableFuture<HttpResponse<BodyStream>> pending =
                client(via, request.uri()).sendAsync(request, head -> new BodyStream());
        String what = "registry " + request.uri().getAuthority();
        boolean answered = false;
        try {
            HttpResponse<BodyStream> response = await(pending, answerLimit(via, body), body);
            answered = true;
            return new Answer(response.statusCode(), response.headers(), request.uri(), response.body());
        } catch (TimeoutException e) {
            throw Refused.forNow(Fault.unavailable(
                    what,
                    "it took the request but did not answer within " + seconds(patience.answer()),
                    "Try again later"));
        } catch (ExecutionException e) {
            throw failure(request.uri(), what, via, e.getCause() == null ? e : e.getCause());
        } finally {
            if (!answered) {
                pending.cancel(true);
                var _ = pending.thenAccept(late -> late.body().close()); // it came while we stopped to wait
            }
        }
    }

    /** A body may take as long as it moves. */
    private static <T> T await(CompletableFuture<T> pending, Duration limit, @Nullable Body body)
            throws InterruptedException, ExecutionException, TimeoutException {
        for (long moved = -1; ; ) {
            try {
                return pending.get(limit.toMillis(), TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                long now = body == null ? moved : body.moved();
                if (now == moved) {
                    throw e;
                }
                moved = now;
            }
        }
    }

    /** Who has been sent a large body hashes it, and moves it to where it stays, before an answer comes. */
    private Duration answerLimit(Host via, @Nullable Body body) {
        Duration answer = body != null && body.isLarge() ? patience.answer().multipliedBy(10) : patience.answer();
        return via.dialTimeout().orElse(patience.connect()).plus(answer);
    }

    private Refused failure(URI target, String what, Host via, Throwable cause) {
        Duration limit = via.dialTimeout().orElse(patience.connect());
        Optional<Proxies.Via> proxy = proxies.via(target);
        if (proxy.isPresent() && cause instanceof ConnectException) {
            return Refused.forNow(Fault.unavailable(
                            what,
                            "no connection through the proxy " + proxy.get() + ": " + Text.reason(cause),
                            "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the daemon's environment")
                    .causedBy(cause));
        }
        if (cause instanceof HttpConnectTimeoutException) {
            return Refused.forNow(NoConnection.timedOut(target, what, limit).causedBy(cause));
        }
        if (cause instanceof ConnectException) {
            return Refused.forNow(NoConnection.to(target, what, limit, cause));
        }
        if (cause instanceof SSLException) {
            Fault fault = noTrust(what, cause).causedBy(cause);
            return isFinal(cause) ? Refused.forGood(fault) : Refused.forNow(fault);
        }
        Fault fault = Fault.unavailable(what, "the connection broke: " + Text.reason(cause), "Try again later")
                .causedBy(cause);
        boolean plain = "http".equalsIgnoreCase(target.getScheme());
        if (cause instanceof IOException) {
            return plain ? Refused.broken(fault) : Refused.forNow(fault);
        }
        return Refused.forGood(fault);
    }

    /** Whether one side has said no to TLS with the other; else the connection only broke on the way to it. */
    private static boolean isFinal(Throwable cause) {
        for (Throwable each = cause; each != null; each = each.getCause()) {
            String said = String.valueOf(each.getMessage()).toLowerCase(Locale.ROOT);
            if (each instanceof CertificateException
                    || said.contains("unrecognized ssl message")
                    || (said.contains("fatal alert") && !said.contains("internal_error"))) {
                return true;
            }
        }
        return false;
    }

    private static Fault noTrust(String what, Throwable cause) {
        for (Throwable each = cause; each != null; each = each.getCause()) {
            if (each instanceof CertificateExpiredException || each instanceof CertificateNotYetValidException) {
                return Fault.unavailable(
                        what,
                        "its TLS certificate is not valid today: " + Text.reason(each),
                        "Let the registry have a new one, and check the clock of this machine");
            }
        }
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
        Map<Path, Object> files = secure ? stamps(via.tls()) : Map.of();
        return clients.compute(key, (same, made) -> {
                    if (made != null && made.files.equals(files)) {
                        return made;
                    }
                    Made anew = new Made(newClient(same), files);
                    if (made != null) {
                        made.client.shutdown(); // what is under way ends in its own time
                    }
                    return anew;
                })
                .client();
    }

    /** When the files of a host's settings were written: certificates are replaced before they expire. */
    private static Map<Path, Object> stamps(Host.Tls tls) {
        Map<Path, Object> stamps = new HashMap<>();
        for (Path file : tls.files()) {
            try {
                stamps.put(file, Files.getLastModifiedTime(file));
            } catch (IOException e) {
                stamps.put(file, ""); // told when it is read
            }
        }
        return stamps;
    }

    private HttpClient newClient(ClientKey key) {
        HttpClient.Builder builder = HttpClient.newBuilder()
                .proxy(proxies)
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
        clients.values().forEach(made -> made.client.shutdownNow());
    }
}

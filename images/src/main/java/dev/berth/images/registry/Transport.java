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
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Sends one request and follows its redirects. Authorization and configured headers stay with the host that they were meant
 * for; from https nobody is led back to http.
 */
final class Transport implements AutoCloseable {
    private static final int MAX_REDIRECTS = 8;
    private static final Pattern NO_TUNNEL = Pattern.compile("^Tunnel failed, got: ([0-9]{3})"); // the JDK's words
    private static final Pattern ALERT = Pattern.compile("alert: ([a-z_]+)");
    /** What a server says that does not like, or lacks, a client's certificate; others of the kind have that word in their names. */
    private static final Set<String> OF_CLIENTS =
            Set.of("handshake_failure", "unknown_ca", "decrypt_error", "access_denied");

    private static final int PROXY_WANTS_LOGIN = 407;
    private static final String USER_AGENT = "berth/0.1";

    private final Patience patience;
    private final Proxies proxies;
    private final Clients clients;
    private final Ways ways;
    private final Transcript transcript;

    Transport(Patience patience, Proxies proxies) {
        this(patience, proxies, new Clients(proxies), new Ways(), Transcript.NONE);
    }

    private Transport(Patience patience, Proxies proxies, Clients clients, Ways ways, Transcript transcript) {
        this.patience = patience;
        this.proxies = proxies;
        this.clients = clients;
        this.ways = ways;
        this.transcript = transcript;
    }

    /** The same connections, for one who wants to read along; need not be closed. */
    Transport with(Transcript newTranscript) {
        return new Transport(patience, proxies, clients, ways, newTranscript);
    }

    Patience patience() {
        return patience;
    }

    Ways ways() {
        return ways;
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
            Answer answer = exchange(via, request(via, call, target, authorization), call);
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
        HttpRequest.Builder request = HttpRequest.newBuilder(target);
        switch (call.method()) { // a body of no bytes would be announced by its length, which some servers refuse
            case "GET" -> request.GET();
            case "HEAD" -> request.HEAD();
            default ->
                request.method(call.method(), body == null ? HttpRequest.BodyPublishers.noBody() : body.publisher());
        }
        request.setHeader("User-Agent", USER_AGENT);
        request.setHeader("Accept-Encoding", "identity"); // lengths, ranges and digests are of the bytes as they are
        if (Host.sameOrigin(target, via.base())) {
            configured(via, request);
        }
        if (call.headers()
                .containsKey("Range")) { // over HTTP/2 it would share the connection that is too slow, or stuck
            request.version(HttpClient.Version.HTTP_1_1);
        }
        call.headers().forEach(request::setHeader);
        if (authorization != null && Host.sameOrigin(target, call.address())) {
            request.setHeader("Authorization", authorization);
        }
        String pass = proxyOf(target).map(Proxies.Via::authorization).orElse("");
        if (!pass.isEmpty()) {
            request.setHeader("Proxy-Authorization", pass);
        }
        return request.build();
    }

    private Optional<Proxies.Via> proxyOf(URI target) throws Refused {
        try {
            return proxies.via(target);
        } catch (Fault unusable) {
            throw Refused.forGood(unusable);
        }
    }

    private static void configured(Host via, HttpRequest.Builder request) throws Refused {
        try {
            via.headers().forEach((name, values) -> values.forEach(value -> request.header(name, value)));
        } catch (IllegalArgumentException e) {
            throw Refused.forGood(Fault.precondition(
                    "headers for " + via.authority(),
                    String.valueOf(e.getMessage()),
                    "Correct hosts.toml, or what the caller gives"));
        }
    }

    /** Where an address leads that a server gave: anywhere on the web, but not from https to http. */
    static URI next(URI from, String location) throws Refused {
        try {
            URI to = Location.from(from, location);
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

    private Answer exchange(Host via, HttpRequest request, Call call) throws Refused, InterruptedException {
        CompletableFuture<HttpResponse<BodyStream>> pending =
                client(via, request.uri()).sendAsync(request, head -> new BodyStream());
        String what = "registry " + request.uri().getAuthority();
        Said said = transcript.begin(request, call.body());
        boolean answered = false;
        try {
            HttpResponse<BodyStream> response = await(pending, via, call);
            refuseOfProxy(response, request.uri(), what);
            answered = true;
            said.answered(response);
            return new Answer(response.statusCode(), response.headers(), request.uri(), response.body());
        } catch (TimeoutException e) {
            throw Refused.forNow(Fault.unavailable(
                    what + through(proxies.via(request.uri())),
                    "it took the request but did not answer within "
                            + seconds(call.brings() ? patience.longAnswer() : patience.answer()),
                    "Try again later"));
        } catch (ExecutionException e) {
            throw failure(request.uri(), what, via, e.getCause() == null ? e : e.getCause());
        } finally {
            if (!answered) {
                said.unanswered();
                pending.cancel(true);
                var _ = pending.thenAccept(late -> late.body().close()); // it came while we stopped to wait
            }
        }
    }

    /** A proxy that wants a login says so in the place of the server: before a tunnel without any body. */
    private void refuseOfProxy(HttpResponse<BodyStream> response, URI target, String what) throws Refused {
        Optional<Proxies.Via> proxy = proxies.via(target);
        if (response.statusCode() != PROXY_WANTS_LOGIN || proxy.isEmpty()) {
            return;
        }
        @Nullable BodyStream body = response.body();
        if (body != null) {
            body.close();
        }
        boolean shown = !proxy.get().authorization().isEmpty();
        throw Refused.forGood(Fault.unavailable(
                what,
                "the proxy " + proxy.get() + (shown ? " does not accept the login that it is shown" : " wants a login"),
                "Write http://user:password@host:port into HTTPS_PROXY and HTTP_PROXY of the daemon's environment"));
    }

    /** What is brought may take as long as it moves, and longer than other requests to be answered when it is there. */
    private <T> T await(CompletableFuture<T> pending, Host via, Call call)
            throws InterruptedException, ExecutionException, TimeoutException {
        Duration connect = via.dialTimeout().orElse(patience.connect());
        Body body = call.brings() ? call.body() : null;
        for (long moved = 0; ; ) {
            boolean gone = body != null && body.isGone();
            Duration limit = connect.plus(gone ? patience.longAnswer() : patience.answer());
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

    private Refused failure(URI target, String what, Host via, Throwable cause) {
        Duration limit = via.dialTimeout().orElse(patience.connect());
        Optional<Proxies.Via> proxy = proxies.via(target);
        boolean unconnected = cause instanceof ConnectException || cause instanceof HttpConnectTimeoutException;
        if (proxy.isPresent() && unconnected) {
            return Refused.forNow(NoConnection.toProxy(proxy.get(), what, limit, cause));
        }
        Matcher tunnel = NO_TUNNEL.matcher(String.valueOf(cause.getMessage()));
        if (proxy.isPresent() && tunnel.find()) {
            Fault fault = noTunnel(what, proxy.get(), tunnel.group(1)).causedBy(cause);
            return tunnel.group(1).startsWith("4") ? Refused.forGood(fault) : Refused.forNow(fault);
        }
        if (cause instanceof HttpConnectTimeoutException) { // a server that waits for a line of HTTP is silent, too
            return Refused.forNow(NoConnection.timedOut(target, what, limit).causedBy(cause))
                    .withoutTls();
        }
        if (cause instanceof ConnectException) {
            Refused refused = Refused.forNow(NoConnection.to(target, what, limit, cause));
            return via.hasPort() ? refused : refused.withoutTls();
        }
        if (cause instanceof SSLException) {
            Fault fault = noTrust(
                            what + through(proxy), cause, !via.tls().clients().isEmpty())
                    .causedBy(cause);
            Refused refused = isFinal(cause) ? Refused.forGood(fault) : Refused.forNow(fault);
            return speaksTls(cause) ? refused : refused.withoutTls();
        }
        Fault fault = Fault.unavailable(
                        what + through(proxy), "the connection broke: " + Text.reason(cause), "Try again later")
                .causedBy(cause);
        boolean plain = "http".equalsIgnoreCase(target.getScheme());
        if (cause instanceof IOException) {
            return plain ? Refused.broken(fault) : Refused.forNow(fault).withoutTls();
        }
        return Refused.forGood(fault);
    }

    private static String through(Optional<Proxies.Via> proxy) {
        return proxy.map(it -> " through the proxy " + it).orElse("");
    }

    /** A proxy that was asked for a tunnel, and has answered for itself. */
    private static Fault noTunnel(String what, Proxies.Via proxy, String status) {
        return Fault.unavailable(
                what,
                "the proxy " + proxy + " gives no way to it: status " + status,
                status.startsWith("4")
                        ? "Have the proxy allow it, or name the registry in NO_PROXY of the daemon's environment"
                        : "Check the registry's address and the proxy's log");
    }

    /** Whether the same would happen again; else the connection only broke on the way to TLS. */
    private static boolean isFinal(Throwable cause) {
        return said(cause, "unrecognized ssl message") || (speaksTls(cause) && !said(cause, "internal_error"));
    }

    /** Whether the other side has answered in TLS, however little came of it. */
    private static boolean speaksTls(Throwable cause) {
        for (Throwable each = cause; each != null; each = each.getCause()) {
            if (each instanceof CertificateException) {
                return true;
            }
        }
        return said(cause, "fatal alert");
    }

    private static boolean said(Throwable cause, String words) {
        for (Throwable each = cause; each != null; each = each.getCause()) {
            if (String.valueOf(each.getMessage()).toLowerCase(Locale.ROOT).contains(words)) {
                return true;
            }
        }
        return false;
    }

    private static Fault noTrust(String what, Throwable cause, boolean shown) {
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
                String why = Text.reason(each);
                boolean otherName = why.startsWith("No subject alternative") || why.startsWith("No name matching");
                return Fault.unavailable(
                        what,
                        "its TLS certificate is not " + (otherName ? "for it: " : "trusted: ") + why,
                        otherName
                                ? "Ask for it by a name that the certificate has, or let it have one for this name"
                                : "Add its authority to the system's, or name it as ca in hosts.toml");
            }
        }
        String reason = Text.reason(cause);
        return Fault.unavailable(what, "TLS with it does not work: " + reason, remedy(reason, shown));
    }

    /**
     * What can be done about TLS that does not come about.
     *
     * @param shown whether we had a certificate of a client to show
     */
    private static String remedy(String reason, boolean shown) {
        Matcher alert = ALERT.matcher(reason);
        if (!alert.find()) {
            return "Check the registry; if it serves plain http, give it a server with http:// in hosts.toml";
        }
        String name = alert.group(1);
        if (!OF_CLIENTS.contains(name) && !name.contains("certificate")) {
            return "Check the registry's settings of TLS: it needs version 1.2 or 1.3";
        }
        return shown
                ? "It may not trust the client certificate that hosts.toml names: check which authorities it accepts"
                : "It may want a client certificate that it trusts: name one as client in hosts.toml";
    }

    private HttpClient client(Host via, URI target) {
        boolean secure = "https".equalsIgnoreCase(target.getScheme());
        Duration connect = via.dialTimeout().orElse(patience.connect());
        Host.Tls tls = !secure
                ? Host.Tls.DEFAULT
                : via.isAt(target) ? via.tls() : via.tls().elsewhere();
        return clients.of(tls, connect, secure);
    }

    private static String seconds(Duration time) {
        return time.toMillis() / 1000.0 + " s";
    }

    @Override
    public void close() {
        clients.close();
    }
}

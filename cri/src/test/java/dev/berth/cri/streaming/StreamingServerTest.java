package dev.berth.cri.streaming;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tickets, limits and ends. */
@Timeout(300)
class StreamingServerTest {
    private static final String V4 = "v4.channel.k8s.io";
    private static final int FASTER = 50;

    /** Time that runs faster, so that limits are over soon. */
    private static final Ticker FAST = new Ticker() {
        @Override
        public long nanos() {
            return Ticker.system().nanos() * FASTER;
        }

        @Override
        public void sleep(Duration time) throws InterruptedException {
            Ticker.system().sleep(time.dividedBy(FASTER));
        }
    };

    @TempDir
    Path folder;

    @Test
    void urlsAreUnguessableAndNameALoopback() {
        try (var served = Served.start()) {
            var seen = new HashSet<String>();
            for (int i = 0; i < 100; i++) {
                String url = served.url(Served.OUTPUT, Served.talk(0));
                assertThat(url).matches("http://127\\.0\\.0\\.1:\\d+/exec/[A-Za-z0-9_-]{32}");
                assertThat(seen.add(url)).isTrue();
            }
            assertThat(served.url(_ -> {
                        throw new IOException();
                    }))
                    .contains("/portforward/");
        }
    }

    @Test
    void addressesOfVersion6AreWrittenInBrackets() {
        var config = new StreamingConfig(InetAddress.ofLiteral("::1"), 0, null, Duration.ofHours(4));
        try (var server = StreamingServer.of(config, Ticker.system())) {
            String url = server.url(new Session.Command("attach", Served.OUTPUT, Served.talk(0)));
            assertThat(url).matches("http://\\[[0-9a-f:]+]:\\d+/attach/.+");
            assertThat(URI.create(url).getHost()).isEqualTo("[0:0:0:0:0:0:0:1]");
        }
    }

    @Test
    void aUrlIsGoodForAMinute() throws Exception {
        try (var served = Served.start(Duration.ofHours(4), FAST)) {
            String url = served.url(Served.OUTPUT, Served.talk(0));
            long start = FAST.nanos();
            Served.until("a minute is over", () -> FAST.since(start).compareTo(Tickets.LIFE) > 0);
            assertThatThrownBy(() -> SpdyClient.open(url, V4)).hasMessageContaining("404");
        }
    }

    @Test
    void noMoreThanAThousandWait() throws Exception {
        try (var served = Served.start()) {
            String first = served.url(Served.OUTPUT, Served.talk(0));
            for (int i = 1; i < Tickets.MOST; i++) {
                served.url(Served.OUTPUT, Served.talk(0));
            }
            assertThatThrownBy(() -> served.url(Served.OUTPUT, Served.talk(0)))
                    .isInstanceOfSatisfying(
                            Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.RESOURCE_EXHAUSTED));
            SpdyClient.open(first, V4).close();
            assertThat(served.url(Served.OUTPUT, Served.talk(0))).isNotEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "nonsense\r\n\r\n",
                "GET / HTTP/1.0\r\n\r\n",
                "GET /exec/x HTTP/1.1\r\n: no name\r\n\r\n",
                "GET /exec/x HTTP/1.1\r\n folded\r\n\r\n",
                "PUT /exec/x HTTP/1.1\r\n\r\n",
                "POST /exec/x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
                "POST /exec/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            })
    void whatIsNoRequestIsRefused(String request) throws IOException {
        try (var served = Served.start();
                var http = HttpClientSide.connect(served.url(Served.OUTPUT, Served.talk(0)))) {
            http.out().write(request.getBytes(ISO_8859_1));
            assertThat(new String(http.in().readNBytes(12), ISO_8859_1)).isEqualTo("HTTP/1.1 400");
        }
    }

    @Test
    void aHeadIsLimited() throws IOException {
        try (var served = Served.start();
                var http = HttpClientSide.connect(served.url(Served.OUTPUT, Served.talk(0)))) {
            http.out().write("GET /exec/x HTTP/1.1\r\n".getBytes(ISO_8859_1));
            http.out().write(("X: " + "y".repeat(20_000)).getBytes(ISO_8859_1));
            assertThat(new String(http.in().readNBytes(12), ISO_8859_1)).isEqualTo("HTTP/1.1 431");
        }
    }

    @Test
    void aRequestThatAsksForNothingIsRefusedInWords() throws IOException {
        try (var served = Served.start()) {
            String url = served.url(Served.OUTPUT, Served.talk(0));
            try (var http = HttpClientSide.connect(url)) {
                http.ask("GET " + HttpClientSide.path(url) + " HTTP/1.1", "Host: x");
                assertThat(http.status()).isEqualTo(400);
                assertThat(new String(http.in().readAllBytes(), ISO_8859_1)).contains("unable to upgrade");
            }
        }
    }

    @Test
    void whoSaysNothingIsNotKept() throws IOException {
        try (var served = Served.start(Duration.ofHours(4), FAST)) {
            String url = served.url(Served.OUTPUT, Served.talk(0));
            try (var http = HttpClientSide.connect(url)) {
                http.out().write("GET /ex".getBytes(ISO_8859_1));
                assertThat(http.awaitClosed()).isTrue();
            }
        }
    }

    @Test
    void strangersDoNotCrowdOutOthers() throws Exception {
        try (var served = Served.start(Duration.ofHours(4), Ticker.system())) {
            String url = served.url(Served.OUTPUT, Served.talk(0));
            var strangers = new ArrayList<HttpClientSide>();
            try {
                for (int i = 0; i < 64; i++) {
                    strangers.add(HttpClientSide.connect(url));
                }
                SpdyClient.open(served.url(Served.OUTPUT, Served.talk(0)), V4).close();
                assertThat(strangers.getFirst().awaitClosed()).isTrue();
            } finally {
                for (HttpClientSide stranger : strangers) {
                    stranger.close();
                }
            }
        }
    }

    @Test
    void aSessionOnWhichNothingMovesIsClosed() throws Exception {
        var gone = new CountDownLatch(1);
        RemoteCommand quiet = client -> {
            client.client().awaitGone();
            gone.countDown();
            return 0;
        };
        try (var served = Served.start(Duration.ofMinutes(2), FAST);
                var client = SpdyClient.open(served.url(Served.OUTPUT, quiet), V4)) {
            client.stream("streamtype", "error");
            client.stream("streamtype", "stdout");
            client.stream("streamtype", "stderr");
            assertThat(gone.await(120, TimeUnit.SECONDS)).isTrue();
            assertThatThrownBy(client::untilGoneAway).isInstanceOf(IOException.class);
        }
    }

    @Test
    void closingEndsSessionsAndRefusesNewOnes() throws Exception {
        var interrupted = new CountDownLatch(1);
        var began = new CountDownLatch(1);
        RemoteCommand endless = _ -> {
            began.countDown();
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException e) {
                interrupted.countDown();
                throw e;
            }
            return 0;
        };
        var served = Served.start();
        try (var client = SpdyClient.open(served.url(Served.OUTPUT, endless), V4)) {
            client.stream("streamtype", "error");
            client.stream("streamtype", "stdout");
            client.stream("streamtype", "stderr");
            began.await();
            served.close();
            assertThat(interrupted.await(120, TimeUnit.SECONDS)).isTrue();
            assertThatThrownBy(client::untilGoneAway).isInstanceOf(IOException.class);
        }
        assertThatThrownBy(() -> served.url(Served.OUTPUT, Served.talk(0))).hasMessageContaining("going down");
    }

    @Test
    void anAddressThatIsNotOursIsAFault() {
        var config = new StreamingConfig(InetAddress.ofLiteral("203.0.113.1"), 0, null, Duration.ofHours(4));
        try (var server = StreamingServer.of(config, Ticker.system())) {
            var session = new Session.Command("exec", Served.OUTPUT, Served.talk(0));
            assertThatThrownBy(() -> server.url(session)).hasMessageContaining("Set another [streaming] address");
        }
    }

    @Test
    void tlsIsSpokenWithAKeyFromFiles() throws Exception {
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/openssl")), "openssl is not installed");
        Path certificate = folder.resolve("tls.crt");
        Path key = folder.resolve("tls.key");
        Process openssl = new ProcessBuilder(List.of(
                        "openssl",
                        "req",
                        "-x509",
                        "-newkey",
                        "ec",
                        "-pkeyopt",
                        "ec_paramgen_curve:P-256",
                        "-nodes",
                        "-subj",
                        "/CN=localhost",
                        "-keyout",
                        key.toString(),
                        "-out",
                        certificate.toString()))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        assertThat(openssl.waitFor()).isZero();
        var config = new StreamingConfig(
                InetAddress.getLoopbackAddress(), 0, new StreamingConfig.Tls(certificate, key), Duration.ofHours(4));
        try (var server = StreamingServer.of(config, Ticker.system())) {
            String url = server.url(new Session.Command("exec", Served.OUTPUT, Served.talk(0)));
            assertThat(url).startsWith("https://");
            try (Socket socket = trusting()
                    .getSocketFactory()
                    .createSocket("127.0.0.1", URI.create(url).getPort())) {
                String request = "POST " + HttpClientSide.path(url)
                        + " HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n";
                socket.getOutputStream().write(request.getBytes(ISO_8859_1));
                assertThat(new String(socket.getInputStream().readNBytes(12), ISO_8859_1))
                        .isEqualTo("HTTP/1.1 101");
            }
        }
        Files.writeString(key, "-----BEGIN RSA PRIVATE KEY-----\nxx\n-----END RSA PRIVATE KEY-----\n");
        try (var server = StreamingServer.of(config, Ticker.system())) {
            var session = new Session.Command("exec", Served.OUTPUT, Served.talk(0));
            assertThatThrownBy(() -> server.url(session)).hasMessageContaining("openssl pkcs8 -topk8");
        }
    }

    private static SSLContext trusting() throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(
                null,
                new TrustManager[] {
                    new X509TrustManager() {
                        @Override
                        public void checkClientTrusted(X509Certificate[] chain, String how) {}

                        @Override
                        public void checkServerTrusted(X509Certificate[] chain, String how) {}

                        @Override
                        public X509Certificate[] getAcceptedIssuers() {
                            return new X509Certificate[0];
                        }
                    }
                },
                null);
        return context;
    }
}

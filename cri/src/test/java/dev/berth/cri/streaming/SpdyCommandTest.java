package dev.berth.cri.streaming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Exec and attach over SPDY, with a client that checks each frame. */
@Timeout(300)
class SpdyCommandTest {
    private static final String V4 = "v4.channel.k8s.io";

    private final Served served = Served.start();

    @AfterEach
    void close() {
        served.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {V4, "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"})
    void everyVersionCarriesStreamsAndTheEnd(String protocol) throws Exception {
        try (var client = SpdyClient.open(served.url(Served.ALL, Served.cat(7)), "v99", protocol)) {
            int error = client.stream("streamtype", "error");
            int stdin = client.stream("streamtype", "stdin");
            int stdout = client.stream("streamtype", "stdout");
            int stderr = client.stream("streamtype", "stderr");
            client.untilAccepted(stderr);
            client.send(stdin, "hello ");
            client.send(stdin, "world");
            client.end(stdin);
            assertThat(client.untilEnd(stdout)).isEqualTo("hello world");
            assertThat(client.untilEnd(stderr)).isEmpty();
            if (protocol.equals(V4)) {
                assertThat(client.untilEnd(error))
                        .contains(
                                "\"status\":\"Failure\"",
                                "\"reason\":\"NonZeroExitCode\"",
                                "{\"reason\":\"ExitCode\",\"message\":\"7\"}");
            } else {
                assertThat(client.untilEnd(error)).contains("exit code 7").doesNotContain("{");
            }
            client.untilGoneAway();
        }
    }

    @Test
    void successIsSaidOnlyWhereThereAreWordsForIt() throws Exception {
        try (var client = SpdyClient.open(served.url(Served.OUTPUT, Served.talk(0)), V4)) {
            int error = client.stream("streamtype", "error");
            int stdout = client.stream("streamtype", "stdout");
            int stderr = client.stream("streamtype", "stderr");
            assertThat(client.untilEnd(stdout)).isEqualTo("out");
            assertThat(client.untilEnd(stderr)).isEqualTo("err");
            assertThat(client.untilEnd(error)).isEqualTo("{\"metadata\":{},\"status\":\"Success\"}");
        }
        try (var client = SpdyClient.open(served.url(Served.OUTPUT, Served.talk(0)))) { // offers no version: the first
            int error = client.stream("streamtype", "error");
            int stdout = client.stream("streamtype", "stdout");
            client.stream("streamtype", "stderr");
            assertThat(client.untilEnd(stdout)).isEqualTo("out");
            assertThat(client.untilEnd(error)).isEmpty();
        }
    }

    @Test
    void aFaultIsTold() throws Exception {
        RemoteCommand broken = _ -> {
            throw Fault.notFound("exec", "there is no \"such\" thing", "");
        };
        try (var client = SpdyClient.open(served.url(Served.OUTPUT, broken), V4)) {
            int error = client.stream("streamtype", "error");
            client.stream("streamtype", "stdout");
            client.stream("streamtype", "stderr");
            assertThat(client.untilEnd(error)).contains("InternalError", "there is no \\\"such\\\" thing", "500");
        }
    }

    @Test
    void theTerminalGetsItsSizes() throws Exception {
        RemoteCommand sizes = client -> {
            var given = client.sizes();
            for (int i = 0; i < 2 && given != null; i++) {
                Served.say(client.stdout(), given.next() + ";");
            }
            return 0;
        };
        try (var client = SpdyClient.open(served.url(Served.TERMINAL, sizes), V4)) {
            client.stream("streamtype", "error");
            client.stream("streamtype", "stdin");
            int stdout = client.stream("streamtype", "stdout");
            int resize = client.stream("streamtype", "resize");
            client.send(resize, "{\"Width\":80,\"Hei");
            client.send(resize, "ght\":24}\n{\"Width\":0,\"Height\":0}\n{\"Width\":132,\"Height\":50}\n");
            assertThat(client.untilEnd(stdout)).isEqualTo("Size[width=80, height=24];Size[width=132, height=50];");
        }
    }

    @Test
    void whatWasNotAskedForIsRefused() throws Exception {
        try (var client = SpdyClient.open(served.url(Served.OUTPUT, Served.talk(0)), V4)) {
            client.untilReset(client.stream("streamtype", "stdin"));
            client.untilReset(client.stream("streamtype", "nonsense"));
            client.untilReset(client.stream());
            client.untilAccepted(client.stream("streamtype", "stdout"));
            client.untilReset(client.stream("streamtype", "stdout"));
            client.ping(1);
            client.untilPong(1);
        }
    }

    @Test
    void aClientThatKeepsWindowsIsToldOfRoom() throws Exception {
        try (var client = SpdyClient.open(served.url(Served.ALL, Served.cat(0)), V4)) {
            client.stream("streamtype", "error");
            int stdin = client.stream("streamtype", "stdin");
            client.stream("streamtype", "stdout");
            client.stream("streamtype", "stderr");
            for (int i = 0; i < 10; i++) {
                client.send(stdin, new byte[20_000], false);
            }
            client.untilCredit(0, 150_000);
        }
    }

    @Test
    void aSlowReaderHoldsUpTheWriterAndWhenItGoesTheWriterFails() throws Exception {
        var written = new AtomicLong();
        var failed = new CountDownLatch(1);
        RemoteCommand flood = client -> {
            OutputStream out = client.stdout();
            byte[] chunk = new byte[32 << 10];
            try {
                while (out != null) {
                    out.write(chunk);
                    written.addAndGet(chunk.length);
                }
            } catch (IOException e) {
                failed.countDown();
            }
            return 0;
        };
        try (var client = SpdyClient.open(served.url(Served.OUTPUT, flood), V4)) {
            client.stream("streamtype", "error");
            client.stream("streamtype", "stderr");
            client.stream("streamtype", "stdout");
            Served.until("it does not move any more", () -> {
                long before = written.get();
                LockSupport.parkNanos(300_000_000);
                return before > 0 && written.get() == before;
            });
            assertThat(written.get()).isLessThan(32 << 20); // what sockets hold, not what a heap would
        }
        failed.await();
    }

    @Test
    void theCommandHearsThatTheClientIsGone() throws Exception {
        var heard = new AtomicReference<String>("");
        var began = new CountDownLatch(1);
        var done = new CountDownLatch(1);
        RemoteCommand patient = client -> {
            began.countDown();
            client.client().awaitGone();
            var in = client.stdin();
            try {
                heard.set(in == null ? "no input" : "end " + in.read());
            } catch (IOException e) {
                heard.set("broken");
            }
            done.countDown();
            return 0;
        };
        try (var client = SpdyClient.open(served.url(Served.ALL, patient), V4)) {
            client.stream("streamtype", "error");
            client.stream("streamtype", "stderr");
            client.stream("streamtype", "stdout");
            client.stream("streamtype", "stdin");
            began.await();
        }
        done.await();
        assertThat(heard).hasValue("broken");
    }

    @Test
    void aUrlWorksOnceAndOnlyForWhoSpeaksAProtocolOfOurs() throws Exception {
        String url = served.url(Served.OUTPUT, Served.talk(0));
        SpdyClient.open(url, V4).close();
        assertThatThrownBy(() -> SpdyClient.open(url, V4)).hasMessageContaining("404");
        assertThatThrownBy(() -> SpdyClient.open(served.url(Served.OUTPUT, Served.talk(0)), "v9"))
                .hasMessageContaining("403")
                .hasMessageContaining("X-Accepted-Stream-Protocol-Versions: v4.channel.k8s.io");
        assertThatThrownBy(() -> SpdyClient.open(url.replaceFirst("[^/]+$", "guess"), V4))
                .hasMessageContaining("404");
    }

    @Test
    void streamsThatBreakTheRulesEndTheConnection() throws Exception {
        String url = served.url(Served.OUTPUT, Served.talk(0));
        try (var http = HttpClientSide.connect(url)) {
            http.ask("POST " + HttpClientSide.path(url) + " HTTP/1.1", "Connection: Upgrade", "Upgrade: SPDY/3.1");
            http.out().write(new byte[] {(byte) 0x80, 2, 0, 1, 0, 0, 0, 0}); // another version
            assertThat(http.in().readNBytes(4)).containsExactly(0x80, 3, 0, 7); // go away
            assertThat(http.awaitClosed()).isTrue();
        }
    }
}

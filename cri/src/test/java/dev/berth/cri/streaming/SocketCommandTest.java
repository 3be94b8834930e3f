package dev.berth.cri.streaming;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.Base64;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Exec and attach over WebSocket, frame by frame. */
@Timeout(300)
class SocketCommandTest {
    private static final int STDIN = 0;
    private static final int STDOUT = 1;
    private static final int STDERR = 2;
    private static final int ERROR = 3;
    private static final int RESIZE = 4;

    private final Served served = Served.start();

    @AfterEach
    void close() {
        served.close();
    }

    @Test
    void theNewestVersionEndsInputAlone() throws IOException {
        try (var client =
                SocketClient.open(served.url(Served.ALL, Served.cat(7)), "v5.channel.k8s.io", "v4.channel.k8s.io")) {
            assertThat(client.protocol()).isEqualTo("v5.channel.k8s.io");
            client.send(STDIN, "hello ");
            client.send(STDIN, "world");
            assertThat(client.until(STDOUT, "hello world")).isEqualTo("hello world");
            client.frame(SocketClient.LAST | SocketClient.BINARY, new byte[] {(byte) 255, STDIN});
            assertThat(client.rest(ERROR)).contains("NonZeroExitCode", "\"7\"");
            client.frame(SocketClient.LAST | SocketClient.CLOSE, new byte[] {3, (byte) 0xe8});
            assertThat(client.awaitClosed()).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io", ""})
    void olderVersionsCarryTheSameStreams(String protocol) throws IOException {
        String[] offered = protocol.isEmpty() ? new String[0] : new String[] {protocol};
        try (var client = SocketClient.open(served.url(Served.OUTPUT, Served.talk(3)), offered)) {
            assertThat(client.protocol()).isEqualTo(protocol);
            assertThat(client.until(STDOUT, "out")).isEqualTo("out");
            assertThat(client.until(STDERR, "err")).isEqualTo("err");
            String end = client.rest(ERROR);
            if (protocol.startsWith("v4")) {
                assertThat(end).contains("NonZeroExitCode");
            } else {
                assertThat(end).contains("exit code 3").doesNotContain("{");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"v4.base64.channel.k8s.io", "base64.channel.k8s.io"})
    void textProtocolsAreBase64(String protocol) throws IOException {
        try (var client = SocketClient.open(served.url(Served.ALL, Served.cat(0)), protocol)) {
            byte[] text = ("0" + Base64.getEncoder().encodeToString("grüße".getBytes(UTF_8))).getBytes(UTF_8);
            client.frame(SocketClient.LAST | SocketClient.TEXT, text);
            String wanted = Base64.getEncoder().encodeToString("grüße".getBytes(UTF_8));
            assertThat(client.until(STDOUT, wanted)).isEqualTo(wanted);
        }
    }

    @Test
    void messagesMayComeInPiecesWithPingsBetweenThem() throws IOException {
        try (var client = SocketClient.open(served.url(Served.ALL, Served.cat(0)), "v5.channel.k8s.io")) {
            client.frame(SocketClient.BINARY, new byte[] {STDIN, 'a'});
            client.frame(SocketClient.LAST | SocketClient.PING, "hi".getBytes(UTF_8));
            client.frame(SocketClient.CONTINUATION, "b".getBytes(UTF_8));
            client.frame(SocketClient.LAST | SocketClient.CONTINUATION, "c".getBytes(UTF_8));
            var all = new StringBuilder();
            boolean pong = false;
            while (!pong || all.length() < 3) {
                var message = client.receive();
                if (message.opcode() == SocketClient.PONG) {
                    pong = new String(message.body(), UTF_8).equals("hi");
                } else if (message.channel() == STDOUT) {
                    all.append(message.text());
                }
            }
            assertThat(all.toString()).isEqualTo("abc");
        }
    }

    @Test
    void theTerminalGetsItsSize() throws IOException {
        RemoteCommand size = client -> {
            var sizes = client.sizes();
            Served.say(client.stdout(), sizes == null ? "none" : String.valueOf(sizes.next()));
            return 0;
        };
        try (var client = SocketClient.open(served.url(Served.TERMINAL, size), "v5.channel.k8s.io")) {
            client.send(9, "for nobody");
            client.send(RESIZE, "{\"Width\":80,\"Height\":24}");
            assertThat(client.rest(STDOUT)).isEqualTo("Size[width=80, height=24]");
        }
    }

    @Test
    void whatIsNoWebSocketIsRefused() throws IOException {
        assertThatThrownBy(() -> SocketClient.open(served.url(Served.ALL, Served.cat(0)), "v9.nonsense"))
                .hasMessageContaining("403");
        try (var client = SocketClient.open(served.url(Served.ALL, Served.cat(0)), "v5.channel.k8s.io")) {
            client.frame(SocketClient.LAST | 0x40 | SocketClient.BINARY, new byte[] {0});
            assertThat(client.awaitClosed()).isTrue();
        }
        try (var client = SocketClient.open(served.url(Served.ALL, Served.cat(0)), "v5.channel.k8s.io")) {
            client.frame(SocketClient.LAST | SocketClient.CONTINUATION, new byte[] {0});
            SocketClient.Message message = client.receive();
            while (message.opcode() != SocketClient.CLOSE) {
                message = client.receive();
            }
            assertThat(message.body()).containsExactly(3, 0xea); // 1002, protocol error
            assertThat(client.awaitClosed()).isTrue();
        }
    }
}

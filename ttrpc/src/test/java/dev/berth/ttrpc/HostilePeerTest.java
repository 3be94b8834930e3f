package dev.berth.ttrpc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Ticker;
import dev.berth.ttrpc.TtrpcStatus.Code;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Peers that speak nonsense, stop in the middle or never read. */
@Timeout(60)
class HostilePeerTest {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    @TempDir
    Path dir;

    private TtrpcServer server;

    @BeforeEach
    void start() throws IOException {
        var service = Service.named("t.T")
                .unary("Echo", (call, request) -> request)
                .clientStreaming("Sum", (call, in) -> {
                    byte[] last = new byte[0];
                    for (byte[] next = in.receive(); next != null; next = in.receive()) {
                        last = next;
                    }
                    return last;
                })
                .build();
        server = TtrpcServer.listen(dir.resolve("t.sock"), Ticker.system(), service);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    /** A client that sends what it likes. */
    private final class Raw implements AutoCloseable {
        final SocketChannel channel;
        final FrameReader in;

        Raw() throws IOException {
            channel = SocketChannel.open(UnixDomainSocketAddress.of(server.socket()));
            in = new FrameReader(channel);
        }

        void send(int stream, int type, int flags, byte[] data) throws IOException {
            send(Frame.encode(stream, (byte) type, flags, data));
        }

        void send(ByteBuffer bytes) throws IOException {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        }

        @Nullable
        Code answer(int stream) throws Exception {
            Frame frame = Objects.requireNonNull(in.read());
            assertThat(frame.stream()).isEqualTo(stream);
            var failure = Envelope.Response.decode(frame.data()).failure();
            return failure == null ? null : failure.code();
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    private static byte[] echo(int size) {
        return new Envelope.Request("t.T", "Echo", new byte[size], 0, Map.of()).encode();
    }

    @Test
    void whatIsWrongWithOneMessageFailsThatMessage() throws Exception {
        try (var raw = new Raw()) {
            raw.send(2, Frame.REQUEST, 0, echo(1));
            assertThat(raw.answer(2)).isEqualTo(Code.INVALID_ARGUMENT);
            raw.send(5, Frame.REQUEST, 0, echo(1));
            assertThat(raw.answer(5)).isNull();
            raw.send(5, Frame.REQUEST, 0, echo(1));
            assertThat(raw.answer(5)).isEqualTo(Code.INVALID_ARGUMENT);
            raw.send(3, Frame.REQUEST, 0, echo(1));
            assertThat(raw.answer(3)).isEqualTo(Code.INVALID_ARGUMENT);
            raw.send(7, Frame.REQUEST, 0, new byte[] {10, 99});
            assertThat(raw.answer(7)).isEqualTo(Code.INVALID_ARGUMENT);
            raw.send(9, Frame.DATA, 0, new byte[] {1});
            assertThat(raw.answer(9)).isEqualTo(Code.INVALID_ARGUMENT);
            raw.send(11, 77, 0, new byte[] {1}); // a type of the future is ignored
            raw.send(13, Frame.REQUEST, 0, new byte[0]);
            assertThat(raw.answer(13)).isEqualTo(Code.UNIMPLEMENTED);
            raw.send(ByteBuffer.allocate(Frame.HEADER + Frame.MAX_DATA + 1)
                    .putInt(Frame.MAX_DATA + 1)
                    .putInt(15)
                    .put(Frame.REQUEST)
                    .rewind());
            assertThat(raw.answer(15)).isEqualTo(Code.RESOURCE_EXHAUSTED);
            raw.send(17, Frame.REQUEST, 0, echo(0));
            assertThat(raw.answer(17)).isNull();
        }
    }

    @Test
    void theLastMessageOfAStreamMayCloseIt() throws Exception {
        try (var raw = new Raw()) {
            byte[] open = new Envelope.Request("t.T", "Sum", new byte[0], 0, Map.of()).encode();
            raw.send(1, Frame.REQUEST, Frame.REMOTE_OPEN, open);
            raw.send(1, Frame.DATA, Frame.REMOTE_CLOSED, new byte[] {42});
            Frame frame = Objects.requireNonNull(raw.in.read());
            assertThat(Envelope.Response.decode(frame.data()).payload()).containsExactly(42);
        }
    }

    @Test
    void somethingElseThanTtrpcEndsTheConnectionAtOnce() throws Exception {
        try (var raw = new Raw()) {
            raw.send(ByteBuffer.wrap("GET / HTTP/1.1\r\n\r\n".getBytes(UTF_8)));
            assertThat(raw.in.read()).isNull();
        }
        serverStillAnswers();
    }

    @Test
    void randomBytesAndHalfFramesAreSurvived() throws Exception {
        long seed = new Random().nextLong();
        var random = new Random(seed);
        for (int i = 0; i < 200; i++) {
            try (var raw = new Raw()) {
                byte[] bytes = new byte[random.nextInt(200)];
                random.nextBytes(bytes);
                if (bytes.length > 1) {
                    bytes[0] = 0;
                    bytes[1] = (byte) (bytes[1] & 1);
                }
                raw.send(ByteBuffer.wrap(bytes));
            } catch (IOException e) {
                assertThat(e).as("seed " + seed).hasMessageContaining("Broken pipe");
            }
        }
        serverStillAnswers();
    }

    @Test
    void aClientThatNeverReadsHoldsUpNobodyElse() throws Exception {
        try (var raw = new Raw()) {
            for (int i = 0; i < 6; i++) {
                raw.send(2 * i + 1, Frame.REQUEST, 0, echo(Frame.MAX_DATA - 64));
            }
            serverStillAnswers();
        }
        serverStillAnswers();
    }

    private void serverStillAnswers() throws IOException {
        try (var client = TtrpcClient.connect(server.socket(), Ticker.system())) {
            assertThat(client.call("t.T", "Echo", new byte[] {1}, LIMIT, Map.of()))
                    .containsExactly(1);
        }
    }

    @Test
    void aServerThatAnswersNonsenseFailsTheCallWithInternal() throws Exception {
        assertThat(callWithAnswer(Frame.encode(1, Frame.RESPONSE, 0, new byte[] {10, 99})))
                .isEqualTo(Code.INTERNAL);
    }

    @Test
    void aServerThatStopsOrIsNotTtrpcFailsTheCallWithUnavailable() throws Exception {
        assertThat(callWithAnswer(ByteBuffer.wrap(new byte[] {0, 0, 0, 9, 0}))).isEqualTo(Code.UNAVAILABLE);
        assertThat(callWithAnswer(ByteBuffer.wrap("HTTP/1.1 400 Bad".getBytes(UTF_8))))
                .isEqualTo(Code.UNAVAILABLE);
        assertThat(callWithAnswer(ByteBuffer.allocate(0))).isEqualTo(Code.UNAVAILABLE);
    }

    @Test
    void answersToNobodyAndTypesOfTheFutureAreIgnored() throws Exception {
        var bytes = ByteBuffer.allocate(200)
                .put(Frame.encode(
                        99,
                        Frame.RESPONSE,
                        0,
                        Envelope.Response.ok(new byte[] {1}).encode()))
                .put(Frame.encode(1, (byte) 9, 0, new byte[] {1}))
                .put(Frame.encode(
                        1,
                        Frame.RESPONSE,
                        0,
                        Envelope.Response.ok(new byte[] {2}).encode()))
                .flip();
        assertThat(callWithAnswer(bytes)).isNull();
    }

    /** Serves one connection: waits for one request, writes the bytes, closes. */
    private @Nullable Code callWithAnswer(ByteBuffer answer) throws Exception {
        Path path = dir.resolve("raw" + System.identityHashCode(answer));
        try (var listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(path));
            Thread peer = Thread.ofVirtual().start(() -> {
                try (var channel = listener.accept()) {
                    new FrameReader(channel).read();
                    while (answer.hasRemaining()) {
                        channel.write(answer);
                    }
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            try (var client = TtrpcClient.connect(path, Ticker.system())) {
                client.call("t.T", "Echo", new byte[0], LIMIT, Map.of());
                return null;
            } catch (TtrpcStatus e) {
                return e.code();
            } finally {
                peer.join();
            }
        }
    }

    @Test
    void aServerThatNeverReadsFailsCallsAtTheirDeadline() throws Exception {
        Path path = dir.resolve("deaf");
        try (var listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            listener.bind(UnixDomainSocketAddress.of(path));
            try (var client = TtrpcClient.connect(path, Ticker.system())) {
                byte[] big = new byte[Frame.MAX_DATA - 100];
                for (int i = 0; i < 4; i++) {
                    assertThatThrownBy(() -> client.call("t.T", "Echo", big, Duration.ofMillis(100), Map.of()))
                            .isInstanceOfSatisfying(
                                    TtrpcStatus.class, e -> assertThat(e.code()).isEqualTo(Code.DEADLINE_EXCEEDED));
                }
            }
        }
    }
}

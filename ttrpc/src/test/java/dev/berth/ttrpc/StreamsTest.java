package dev.berth.ttrpc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.ttrpc.TtrpcStatus.Code;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class StreamsTest {
    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final String NAME = "test.Streams";

    @TempDir
    Path dir;

    private final LinkedBlockingQueue<String> seen = new LinkedBlockingQueue<>();
    private TtrpcServer server;
    private TtrpcClient client;

    @BeforeEach
    void start() throws IOException {
        server = TtrpcServer.listen(dir.resolve("t.sock"), Ticker.system(), streams());
        client = TtrpcClient.connect(server.socket(), Ticker.system());
    }

    @AfterEach
    void stop() {
        client.close();
        server.close();
    }

    private Service streams() {
        return Service.named(NAME)
                .unary("Echo", (call, request) -> request)
                .serverStreaming("Count", (call, request, out) -> {
                    for (int i = 0; i < Integer.parseInt(new String(request, UTF_8)); i++) {
                        out.send(Integer.toString(i).getBytes(UTF_8));
                    }
                })
                .serverStreaming("FailAfterOne", (call, request, out) -> {
                    out.send(new byte[0]);
                    throw Fault.unavailable("count", "no more numbers", "");
                })
                .serverStreaming("Flood", (call, request, out) -> {
                    try {
                        while (true) {
                            out.send(new byte[1 << 20]);
                        }
                    } catch (TtrpcStatus e) {
                        seen.add(e.code().name());
                        throw e;
                    }
                })
                .clientStreaming("Sum", (call, in) -> {
                    int sum = 0;
                    for (byte[] next = in.receive(); next != null; next = in.receive()) {
                        sum += Integer.parseInt(new String(next, UTF_8));
                    }
                    return Integer.toString(sum).getBytes(UTF_8);
                })
                .clientStreaming("RefuseFirst", (call, in) -> {
                    throw Fault.invalid("sum", "not today", "");
                })
                .clientStreaming("SeeEnd", (call, in) -> {
                    try {
                        in.receive();
                        seen.add("end");
                    } catch (TtrpcStatus e) {
                        seen.add(e.code().name());
                    }
                    return new byte[0];
                })
                .bidiStreaming("Upper", (call, in, out) -> {
                    for (byte[] next = in.receive(); next != null; next = in.receive()) {
                        out.send(new String(next, UTF_8)
                                .toUpperCase(java.util.Locale.ROOT)
                                .getBytes(UTF_8));
                    }
                    out.send("END".getBytes(UTF_8));
                })
                .build();
    }

    private ClientStream down(String method, String payload) {
        return client.serverStream(NAME, method, payload.getBytes(UTF_8), LIMIT, Map.of());
    }

    private ClientStream up(String method) {
        return client.stream(NAME, method, LIMIT, Map.of());
    }

    private static List<String> all(ClientStream stream) {
        List<String> all = new ArrayList<>();
        for (byte[] next = stream.receive(); next != null; next = stream.receive()) {
            all.add(new String(next, UTF_8));
        }
        return all;
    }

    private static void failsWith(Code code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        TtrpcStatus.class,
                        e -> assertThat(e.code()).as(e.getMessage()).isEqualTo(code));
    }

    @Test
    void theServerStreams() {
        try (var none = down("Count", "0");
                var three = down("Count", "3");
                var many = down("Count", "5000")) {
            assertThat(all(none)).isEmpty();
            assertThat(all(three)).containsExactly("0", "1", "2");
            assertThat(all(many)).hasSize(5000);
        }
    }

    @Test
    void aStreamEndsWithItsFailure() {
        try (var stream = down("FailAfterOne", "")) {
            assertThat(stream.receive()).isEmpty();
            failsWith(Code.UNAVAILABLE, stream::receive);
        }
    }

    @Test
    void theClientStreams() {
        try (var sum = up("Sum")) {
            for (int i = 1; i <= 100; i++) {
                sum.send(Integer.toString(i).getBytes(UTF_8));
            }
            sum.closeSend();
            assertThat(all(sum)).containsExactly("5050");
            assertThatThrownBy(() -> sum.send(new byte[0])).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void bothStream() {
        try (var upper = up("Upper")) {
            for (String word : List.of("a", "b", "c")) {
                upper.send(word.getBytes(UTF_8));
                assertThat(upper.receive()).asString().isEqualTo(word.toUpperCase(java.util.Locale.ROOT));
            }
            upper.closeSend();
            assertThat(all(upper)).containsExactly("END");
        }
    }

    @Test
    void aRefusedStreamDoesNotHarmTheConnection() {
        try (var refused = up("RefuseFirst")) {
            failsWith(Code.INVALID_ARGUMENT, refused::receive);
            refused.send(new byte[10]); // the server has forgotten the stream
        }
        failsWith(Code.UNIMPLEMENTED, () -> down("None", "").receive());
        assertThat(client.call(NAME, "Echo", new byte[] {1}, LIMIT, Map.of())).containsExactly(1);
    }

    @Test
    void aStreamWhoseOwnerTakesNothingFailsAlone() {
        try (var flood = down("Flood", "")) {
            assertThat(client.call(NAME, "Echo", new byte[] {1}, LIMIT, Map.of()))
                    .containsExactly(1);
            failsWith(Code.RESOURCE_EXHAUSTED, () -> {
                for (int taken = 0; taken < 8; taken++) {
                    flood.receive();
                }
                Ticker.system().sleep(Duration.ofMillis(1500));
                all(flood);
            });
        }
        assertThat(client.call(NAME, "Echo", new byte[] {1}, LIMIT, Map.of())).containsExactly(1);
        client.close();
        assertThat(poll()).isEqualTo("UNAVAILABLE");
    }

    @Test
    void theServerSeesTheEndOfAClient() {
        try (var left = up("SeeEnd")) {
            left.closeSend();
            assertThat(left.receive()).isEmpty();
            assertThat(poll()).isEqualTo("end");
        }
        var lost = up("SeeEnd");
        client.close();
        assertThat(poll()).isEqualTo("UNAVAILABLE");
        failsWith(Code.UNAVAILABLE, lost::receive);
        lost.close();
    }

    @Test
    void aDeadlineHoldsForTheWholeStreamOnBothEnds() {
        try (var late = client.stream(NAME, "SeeEnd", Duration.ofMillis(50), Map.of())) {
            failsWith(Code.DEADLINE_EXCEEDED, late::receive);
            assertThat(poll()).isIn("DEADLINE_EXCEEDED");
        }
    }

    private String poll() {
        try {
            return String.valueOf(seen.poll(10, TimeUnit.SECONDS));
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}

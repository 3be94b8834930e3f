package dev.berth.ttrpc;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.ttrpc.TtrpcStatus.Code;
import java.io.IOException;
import java.net.BindException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class CallsTest {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    @TempDir
    Path dir;

    private final CountDownLatch release = new CountDownLatch(1);
    private final CountDownLatch entered = new CountDownLatch(1);
    private final LinkedBlockingQueue<String> seen = new LinkedBlockingQueue<>();
    private Path socket;
    private TtrpcServer server;
    private TtrpcClient client;

    @BeforeEach
    void start() throws IOException {
        socket = dir.resolve("t.sock");
        server = TtrpcServer.listen(socket, Ticker.system(), echo());
        client = TtrpcClient.connect(socket, Ticker.system());
    }

    @AfterEach
    void stop() {
        release.countDown();
        client.close();
        server.close();
    }

    private Service echo() {
        return Service.named("test.Echo")
                .unary("Echo", (call, request) -> request)
                .unary(
                        "Metadata",
                        (call, request) ->
                                (call.metadata() + " " + call.metadata("a").orElse("-")).getBytes(UTF_8))
                .unary(
                        "Remaining",
                        (call, request) -> call.remaining().toString().getBytes(UTF_8))
                .unary("Fault", (call, request) -> {
                    throw Fault.notFound("find it", "it is gone", "Look elsewhere");
                })
                .unary("Status", (call, request) -> {
                    throw new TtrpcStatus(Code.ALREADY_EXISTS, "there", List.of(new byte[] {1, 2}));
                })
                .unary("Broken", (call, request) -> {
                    throw new IOException("disk on fire");
                })
                .unary("Big", (call, request) -> new byte[Frame.MAX_DATA])
                .unary("Wait", (call, request) -> {
                    entered.countDown();
                    release.await();
                    seen.add("released");
                    return request;
                })
                .unary("WaitWhileThere", (call, request) -> {
                    call.interruptWhenGone();
                    entered.countDown();
                    try {
                        release.await();
                    } catch (InterruptedException e) {
                        seen.add("interrupted");
                        throw e;
                    }
                    return request;
                })
                .build();
    }

    private byte[] call(String method, String payload) {
        return client.call("test.Echo", method, payload.getBytes(UTF_8), LIMIT, Map.of());
    }

    private static void failsWith(Code code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        TtrpcStatus.class,
                        e -> assertThat(e.code()).as(e.getMessage()).isEqualTo(code));
    }

    @Test
    void answers() {
        assertThat(call("Echo", "hello")).asString().isEqualTo("hello");
        assertThat(call("Echo", "")).isEmpty();
    }

    @Test
    void manyCallsShareAConnection() throws Exception {
        try (ExecutorService many = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<byte[]>> answers = java.util.stream.IntStream.range(0, 500)
                    .mapToObj(i -> many.submit(() -> call("Echo", "call " + i)))
                    .toList();
            for (int i = 0; i < answers.size(); i++) {
                assertThat(answers.get(i).get()).asString().isEqualTo("call " + i);
            }
        }
    }

    @Test
    void metadataAndDeadlineReachTheHandler() {
        byte[] answer = client.call("test.Echo", "Metadata", new byte[0], LIMIT, Map.of("a", List.of("1", "2")));
        assertThat(answer).asString().isEqualTo("{a=[1, 2]} 1");
        assertThat(Duration.parse(new String(call("Remaining", ""), UTF_8))).isBetween(LIMIT.minusSeconds(5), LIMIT);
        byte[] unlimited = client.call("test.Echo", "Remaining", new byte[0], TtrpcClient.FOREVER, Map.of());
        assertThat(unlimited).asString().isEqualTo(TtrpcClient.FOREVER.toString());
    }

    @Test
    void failuresKeepTheirCode() {
        failsWith(Code.NOT_FOUND, () -> call("Fault", ""));
        failsWith(Code.INTERNAL, () -> call("Broken", ""));
        failsWith(Code.UNIMPLEMENTED, () -> call("Nothing", ""));
        failsWith(Code.UNIMPLEMENTED, () -> client.call("test.None", "X", new byte[0], LIMIT, Map.of()));
        assertThatThrownBy(() -> call("Status", "")).isInstanceOfSatisfying(TtrpcStatus.class, e -> {
            assertThat(e.code()).isEqualTo(Code.ALREADY_EXISTS);
            assertThat(e.reason()).isEqualTo("there");
            assertThat(e.details()).containsExactly(new byte[] {1, 2});
            assertThat(e.toFault("do").code()).isEqualTo(Fault.Code.ALREADY_EXISTS);
        });
    }

    @Test
    void aMessageAboveTheLimitFailsItsOwnCallOnly() {
        byte[] tooBig = new byte[Frame.MAX_DATA];
        failsWith(Code.RESOURCE_EXHAUSTED, () -> client.call("test.Echo", "Echo", tooBig, LIMIT, Map.of()));
        failsWith(Code.RESOURCE_EXHAUSTED, () -> call("Big", ""));
        byte[] justFits = new byte[Frame.MAX_DATA - 64];
        assertThat(client.call("test.Echo", "Echo", justFits, LIMIT, Map.of())).hasSameSizeAs(justFits);
        assertThat(call("Echo", "still here")).asString().isEqualTo("still here");
    }

    @Test
    void aDeadlineEndsTheWaitAndNothingElse() {
        failsWith(
                Code.DEADLINE_EXCEEDED,
                () -> client.call("test.Echo", "Wait", new byte[0], Duration.ofMillis(50), Map.of()));
        failsWith(Code.DEADLINE_EXCEEDED, () -> client.call("test.Echo", "Echo", new byte[0], Duration.ZERO, Map.of()));
        assertThat(call("Echo", "x")).asString().isEqualTo("x");
    }

    @Test
    void anInterruptCancelsTheWaitAndKeepsTheConnection() throws Exception {
        Thread waiting = Thread.ofVirtual().start(() -> {
            try {
                call("Wait", "");
            } catch (TtrpcStatus e) {
                seen.add(e.code() + " " + Thread.currentThread().isInterrupted());
            }
        });
        entered.await();
        waiting.interrupt();
        assertThat(seen.poll(10, TimeUnit.SECONDS)).isEqualTo("CANCELLED true");
        assertThat(call("Echo", "x")).asString().isEqualTo("x");
    }

    @Test
    void closingFailsEveryWaitingCall() throws Exception {
        try (ExecutorService many = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<byte[]> waiting = many.submit(() -> call("Wait", ""));
            entered.await();
            client.close();
            assertThatThrownBy(waiting::get)
                    .cause()
                    .isInstanceOfSatisfying(
                            TtrpcStatus.class, e -> assertThat(e.code()).isEqualTo(Code.UNAVAILABLE));
            failsWith(Code.UNAVAILABLE, () -> call("Echo", ""));
            assertThat(client.isOpen()).isFalse();
        }
    }

    @Test
    void aServerThatGoesFailsEveryWaitingCall() throws Exception {
        try (ExecutorService many = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<byte[]> waiting = many.submit(() -> call("Wait", ""));
            entered.await();
            server.close();
            assertThatThrownBy(waiting::get).cause().isInstanceOf(TtrpcStatus.class);
            assertThat(client.awaitClosed(LIMIT)).isTrue();
            failsWith(Code.UNAVAILABLE, () -> call("Echo", ""));
        }
        assertThat(socket).doesNotExist();
    }

    @Test
    void aClientThatGoesInterruptsOnlyThoseWhoAsked() throws Exception {
        Thread.ofVirtual().start(() -> failsWith(Code.UNAVAILABLE, () -> call("WaitWhileThere", "")));
        entered.await();
        client.close();
        assertThat(seen.poll(10, TimeUnit.SECONDS)).isEqualTo("interrupted");
    }

    @Test
    void aCallGoesOnWhenItsClientGoes() throws Exception {
        Thread.ofVirtual().start(() -> failsWith(Code.UNAVAILABLE, () -> call("Wait", "")));
        entered.await();
        client.close();
        release.countDown();
        assertThat(seen.poll(10, TimeUnit.SECONDS)).isEqualTo("released");
    }

    @Test
    void shutdownLetsRunningCallsEnd() throws Exception {
        try (ExecutorService many = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<byte[]> waiting = many.submit(() -> call("Wait", "done"));
            entered.await();
            Future<?> down = many.submit(() -> {
                server.shutdown(LIMIT);
                return null;
            });
            release.countDown();
            assertThat(waiting.get()).asString().isEqualTo("done");
            down.get();
        }
    }

    @Test
    void theSocketIsForItsOwnerOnly() throws Exception {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
                .isEqualTo("rw-------");
        try (var files = Files.list(dir)) {
            assertThat(files).containsExactly(socket);
        }
    }

    @Test
    void aLivingServerIsNotReplacedADeadOneIs() throws Exception {
        assertThatThrownBy(() -> TtrpcServer.listen(socket, Ticker.system())).isInstanceOf(BindException.class);
        Path stale = dir.resolve("stale.sock");
        var listener = java.nio.channels.ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX);
        listener.bind(java.net.UnixDomainSocketAddress.of(stale));
        listener.close(); // the file stays
        assertThat(stale).exists();
        try (var second = TtrpcServer.listen(stale, Ticker.system(), echo());
                var other = TtrpcClient.connect(second.socket(), Ticker.system())) {
            assertThat(other.call("test.Echo", "Echo", new byte[] {7}, LIMIT, Map.of()))
                    .containsExactly(7);
        }
    }
}

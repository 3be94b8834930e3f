package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.avaje.jsonb.Jsonb;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A command that a kubelet runs for somebody who speaks its protocol over a WebSocket: the first byte of a message says which stream
 * it belongs to.
 *
 * @see <a href="https://github.com/kubernetes/apimachinery/blob/master/pkg/util/remotecommand/constants.go">remotecommand</a>
 */
final class KubeletExec implements WebSocket.Listener {
    private static final String PROTOCOL = "v5.channel.k8s.io";
    private static final int STREAMS = 4;
    private static final int STATUS = 3;
    private static final byte END_OF_STREAM = (byte) 255;

    private final ByteArrayOutputStream[] streams = new ByteArrayOutputStream[STREAMS];
    private final CountDownLatch ended = new CountDownLatch(1);
    private int stream = -1;
    private volatile String trouble = "nothing was heard of its end";

    private KubeletExec() {
        for (int i = 0; i < STREAMS; i++) {
            streams[i] = new ByteArrayOutputStream();
        }
    }

    /**
     * Runs a command and waits for its end.
     *
     * @param address of the container, without the question
     * @param input what it reads
     */
    static Berth.Result run(HttpClient client, URI address, String input, List<String> command)
            throws InterruptedException {
        String question = command.stream()
                .map(word -> "command=" + URLEncoder.encode(word, StandardCharsets.UTF_8))
                .collect(Collectors.joining("&", "?input=1&output=1&error=1&", ""));
        var exec = new KubeletExec();
        WebSocket socket = client.newWebSocketBuilder()
                .subprotocols(PROTOCOL)
                .buildAsync(URI.create(address + question), exec)
                .join();
        assertThat(socket.getSubprotocol()).isEqualTo(PROTOCOL);
        socket.sendBinary(ByteBuffer.wrap(("\0" + input).getBytes(StandardCharsets.UTF_8)), true)
                .join();
        socket.sendBinary(ByteBuffer.wrap(new byte[] {END_OF_STREAM, 0}), true).join();
        boolean inTime = exec.ended.await(Berth.LIMIT.toSeconds(), TimeUnit.SECONDS);
        socket.abort();
        assertThat(inTime).as("the end of " + command).isTrue();
        return exec.result();
    }

    private Berth.Result result() {
        String status = streams[STATUS].toString(StandardCharsets.UTF_8);
        assertThat(status).as(trouble).isNotEmpty();
        return new Berth.Result(
                exit(status), streams[1].toString(StandardCharsets.UTF_8), streams[2].toString(StandardCharsets.UTF_8));
    }

    private static int exit(String status) {
        Map<?, ?> told = (Map<?, ?>) Jsonb.builder().build().type(Object.class).fromJson(status);
        if (KubeletPod.text(told, "status").equals("Success")) {
            return 0;
        }
        return KubeletPod.list(told, "details", "causes").stream()
                .filter(cause -> KubeletPod.text(cause, "reason").equals("ExitCode"))
                .mapToInt(cause -> Integer.parseInt(KubeletPod.text(cause, "message")))
                .findFirst()
                .orElseThrow(() -> new AssertionError(status));
    }

    @Override
    public @Nullable CompletionStage<?> onBinary(WebSocket socket, ByteBuffer bytes, boolean last) {
        if (stream < 0 && bytes.hasRemaining()) {
            stream = bytes.get();
        }
        byte[] rest = new byte[bytes.remaining()];
        bytes.get(rest);
        if (stream >= 0 && stream < STREAMS) {
            streams[stream].writeBytes(rest);
        }
        if (last) {
            if (stream == STATUS) {
                ended.countDown();
            }
            stream = -1;
        }
        socket.request(1);
        return null;
    }

    @Override
    public @Nullable CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        trouble = "closed with " + code + " " + reason;
        ended.countDown();
        return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
        trouble = error instanceof IOException ? "broken: " + error.getMessage() : error.toString();
        ended.countDown();
    }
}

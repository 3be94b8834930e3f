package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.Pipe;
import dev.berth.linux.Poller;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(300)
class OutputTest {
    private static final Duration SILENCE = Duration.ofSeconds(60);

    /** Writes all of it, which needs a reader that goes on after it has enough. */
    private static String collect(OutputBudget.Share share, byte[] said) throws Exception {
        try (Pipe pipe = Pipe.open()) {
            Output output = Output.collect(pipe.reader(), share);
            ByteBuffer left = ByteBuffer.wrap(said);
            while (left.hasRemaining()) {
                assertThat(Poller.awaitWritable(pipe.writer(), SILENCE)).isTrue();
                pipe.writer().write(left);
            }
            pipe.writer().close();
            output.drain(SILENCE, SILENCE);
            return output.take().toStringUtf8();
        }
    }

    private static byte[] bytes(int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) ('a' + i % 23);
        }
        return bytes;
    }

    private static String first(int count) {
        return new String(bytes(count), java.nio.charset.StandardCharsets.US_ASCII);
    }

    @Test
    void allIsKeptInOrder() throws Exception {
        try (var share = new OutputBudget(10 << 20).share(5 << 20, "a")) {
            assertThat(collect(share, bytes(3_000_000))).isEqualTo(first(3_000_000));
            assertThat(collect(share, bytes(0))).isEmpty();
        }
    }

    @Test
    void bothStreamsShareOneLimitAndTheRestIsReadAway() throws Exception {
        try (var share = new OutputBudget(10 << 20).share(1_000_000, "a")) {
            assertThat(collect(share, bytes(900_000))).hasSize(900_000);
            assertThat(collect(share, bytes(900_000))).isEqualTo(first(100_000));
        }
    }

    /** Somebody else holds the pipe: what the process itself wrote is there, whether anybody has looked yet or not. */
    @Test
    void whatIsInThePipeBelongsToIt() throws Exception {
        try (var share = new OutputBudget(10 << 20).share(1_000_000, "a");
                Pipe pipe = Pipe.open()) {
            for (int round = 0; round < 500; round++) {
                try (Output output = Output.collect(pipe.reader(), share)) {
                    pipe.writer().write(bytes(1_000));
                    assertThat(output.take().toStringUtf8()).isEqualTo(first(1_000));
                }
            }
        }
    }

    @Test
    void allCommandsShareOneLimit() throws Exception {
        var budget = new OutputBudget(1_000_000);
        try (var first = budget.share(800_000, "a");
                var second = budget.share(800_000, "b")) {
            assertThat(collect(first, bytes(900_000))).hasSize(800_000);
            assertThat(collect(second, bytes(900_000))).hasSize(200_000);
        }
        try (var third = budget.share(800_000, "c")) {
            assertThat(collect(third, Arrays.copyOf(bytes(800_000), 800_000))).hasSize(800_000);
        }
    }
}

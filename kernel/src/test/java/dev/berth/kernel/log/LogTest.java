package dev.berth.kernel.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

class LogTest {
    private static final org.slf4j.Logger LOG = LoggerFactory.getLogger(LogTest.class);
    private static final org.slf4j.Logger NETTY = LoggerFactory.getLogger("io.netty.channel");

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final LineHandler lines = new LineHandler(out);

    @BeforeEach
    void begin() {
        Log.begin("info", "text");
        Logger.getLogger("").addHandler(lines);
    }

    @AfterEach
    void end() {
        Logger.getLogger("").removeHandler(lines);
        Log.level("info");
        MDC.clear();
    }

    private String said() {
        return out.toString(StandardCharsets.UTF_8);
    }

    @Test
    void aRecordIsOneLineWithItsContext() {
        MDC.put("pod", "p1");
        LOG.warn("{} of {}\nis {}", 1, "{2}", 'x', new IllegalStateException("why\nnot"));
        assertThat(said().lines()).hasSize(1);
        assertThat(said())
                .contains(" WARN [LogTest] 1 of {2}\\nis x pod=p1 error=\"java.lang.IllegalStateException: why\\nnot");
    }

    @Test
    void jsonIsAnObjectForEach() {
        lines.json(true);
        LOG.info("made");
        assertThat(said()).endsWith("\"logger\":\"dev.berth.kernel.log.LogTest\",\"message\":\"made\"}\n");
    }

    @Test
    void howMuchIsSaidChangesWhileItRuns() {
        LOG.debug("no");
        Log.level("debug");
        LOG.debug("yes");
        LOG.trace("no");
        Log.level("error");
        LOG.warn("no");
        LOG.error("last");
        assertThat(said().lines()).hasSize(2);
        assertThat(said()).contains(" DEBUG [LogTest] yes").contains(" ERROR [LogTest] last");
        assertThatThrownBy(() -> Log.level("loud")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void librariesSayOnlyWhatMatters() {
        Log.level("trace");
        NETTY.warn("chatter");
        Logger.getLogger("io.grpc.internal").info("chatter");
        System.getLogger("jdk.internal.httpclient").log(System.Logger.Level.INFO, "chatter");
        assertThat(NETTY.isWarnEnabled()).isFalse();
        System.getLogger("java.lang.ProcessBuilder").log(System.Logger.Level.DEBUG, "chatter");
        NETTY.error("broken");
        Logger.getLogger("io.grpc.internal").log(Level.WARNING, "also {0}", "broken");
        assertThat(said().lines()).hasSize(2);
        assertThat(said()).contains(" ERROR [channel] broken").contains(" WARN [internal] also broken");
        Log.level("error");
        Logger.getLogger("io.grpc.internal").warning("chatter");
        assertThat(said().lines()).hasSize(2);
    }

    @Test
    void nobodyElseWritesTheSameLines() throws IOException, InterruptedException {
        Process program = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin/java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Said.class.getName())
                .redirectErrorStream(true)
                .start();
        String lines = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(program.waitFor()).as(lines).isZero();
        assertThat(lines.lines())
                .satisfiesExactly(
                        line -> assertThat(line).endsWith(" INFO [LogTest] first"),
                        line -> assertThat(line).endsWith(" INFO [LogTest] while it ends"));
    }

    /** A program of two lines. */
    static final class Said {
        public static void main(String[] arguments) {
            Log.begin("info", "text");
            LOG.info("first");
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                LogManager.getLogManager().reset(); // as the platform's own hook does, before ours or after
                LOG.info("while it ends");
            }));
        }
    }
}

package dev.berth.kernel.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class LogLineTest {
    private static LogLine line(String message, Map<String, String> context, @Nullable Throwable error) {
        return new LogLine(Instant.ofEpochSecond(1_700_000_000), "INFO", "dev.berth.cri.Pods", message, context, error);
    }

    @Test
    void sheHasTimeLevelMethodMessageAndIds() {
        String text = line("made it", Map.of("container", "c1", "method", "StartContainer", "pod", "p1"), null)
                .text();
        assertThat(text)
                .matches("2023-11-1\\dT\\d\\d:\\d\\d:20\\.000\\S+ INFO \\[StartContainer] made it pod=p1 container=c1");
        assertThat(line("made it", Map.of(), null).text()).endsWith(" INFO [Pods] made it");
    }

    @Test
    void jsonHasTheSame() {
        assertThat(line("say \"x\"", Map.of("container", "c1", "method", "Exec", "pod", "p1"), null)
                        .json())
                .endsWith("\"level\":\"INFO\",\"logger\":\"dev.berth.cri.Pods\",\"message\":\"say \\\"x\\\"\","
                        + "\"method\":\"Exec\",\"pod\":\"p1\",\"container\":\"c1\"}");
    }

    @Test
    void aNameCannotForgeALineOrAnId() {
        String name = "x\n2026-01-01 ERROR forged\r\u001b[31m\u202e\u2028\" container=c2";
        String text = line("pod " + name, Map.of("name", name), null).text();
        assertThat(text)
                .doesNotContain("\n", "\r", "\u001b", "\u202e", "\u2028")
                .contains("name=\"x\\n2026-01-01 ERROR forged\\r\\u001b[31m\\u202e\\u2028\\\" container=c2\"");
    }

    @Test
    void anErrorIsOnTheSameLine() {
        var error = new IllegalStateException("first\nsecond", new RuntimeException("why"));
        String text = line("it failed", Map.of(), error).text();
        assertThat(text).doesNotContain("\n").contains("error=\"java.lang.IllegalStateException: first\\nsecond");
        assertThat(text).contains("Caused by: java.lang.RuntimeException: why");
        assertThat(line("it failed", Map.of(), error).json())
                .doesNotContain("\n")
                .contains("\"error\":\"java.lang");
    }

    @Test
    void whateverIsSaidIsOneLine() {
        var random = new Random(7);
        for (int i = 0; i < 2000; i++) {
            var name = new StringBuilder();
            for (int n = random.nextInt(20); n > 0; n--) {
                name.append((char) random.nextInt(random.nextBoolean() ? 0x100 : 0x10000));
            }
            LogLine line = line(name.toString(), Map.of("pod", name.toString(), "other", name.toString()), null);
            assertThat(line.text().chars()).noneMatch(Character::isISOControl);
            assertThat(line.json().chars()).noneMatch(Character::isISOControl);
            assertThat(line.text().lines()).hasSize(1);
        }
    }
}

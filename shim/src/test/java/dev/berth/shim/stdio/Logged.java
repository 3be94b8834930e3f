package dev.berth.shim.stdio;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Instant;

/** Reads a CRI log back. */
final class Logged {
    private Logged() {}

    /** What a stream carried, as its lines say; every line of the log is checked for its form. */
    static byte[] bytes(String log, String stream) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        assertThat(log.isEmpty() || log.endsWith("\n")).isTrue();
        for (String line : log.split("\n", -1)) {
            if (line.isEmpty()) {
                continue;
            }
            String[] parts = line.split(" ", 4);
            assertThat(parts).as(line).hasSize(4);
            assertThat(Instant.parse(parts[0])).as(line).isNotNull();
            assertThat(parts[1]).as(line).isIn("stdout", "stderr");
            assertThat(parts[2]).as(line).isIn("P", "F");
            assertThat(parts[3].length()).isLessThanOrEqualTo(CriLines.LINE_BYTES);
            if (parts[1].equals(stream)) {
                bytes.writeBytes(parts[3].getBytes(StandardCharsets.ISO_8859_1));
                if (parts[2].equals("F")) {
                    bytes.write('\n');
                }
            }
        }
        return bytes.toByteArray();
    }
}

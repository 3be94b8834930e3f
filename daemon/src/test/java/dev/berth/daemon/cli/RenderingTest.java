package dev.berth.daemon.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.daemon.cli.LayerBars.Style;
import dev.berth.kernel.Ticker;
import dev.berth.wire.containerd.transfertypes.Progress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How things look. */
class RenderingTest {
    private static final String DIGEST = "0123456789abcdef".repeat(4);

    @Test
    void columnsAreAsWideAsTheirWidestText() {
        var out = new ByteArrayOutputStream();
        var table = new TextTable("A", "LONG");
        table.add("word", "x");
        table.add("", "\u001b[2Jy\nz");
        table.print(new PrintStream(out, true, StandardCharsets.UTF_8));
        assertThat(out.toString(StandardCharsets.UTF_8).lines())
                .containsExactly("A      LONG", "word   x", "       \\u001b[2Jy\\nz");
    }

    @Test
    void jsonIsReadAndWrittenAndObeyedByNoTerminal() {
        var document = new LinkedHashMap<String, Object>();
        document.put("text", "a\"\u009b1");
        document.put("number", 30_000_000_000L);
        document.put("none", List.of());
        document.put("list", Arrays.asList(true, null));
        String page = JsonPage.of(document);
        assertThat(page).isEqualTo("""
                {
                  "text": "a\\"\\u009b1",
                  "number": 30000000000,
                  "none": [],
                  "list": [
                    true,
                    null
                  ]
                }""");
        assertThat(JsonPage.of(JsonPage.read("it", page))).isEqualTo(page);
    }

    @Test
    void sizesAndTimesAreForPeople() {
        assertThat(Amounts.bytes(0)).isEqualTo("0 B");
        assertThat(Amounts.bytes(1023)).isEqualTo("1023 B");
        assertThat(Amounts.bytes(1536)).isEqualTo("1.5 KiB");
        assertThat(Amounts.bytes(Long.MAX_VALUE)).endsWith(" TiB");
        assertThat(Amounts.instant("2024-02-03T04:05:06.123456789Z").map(Amounts::time))
                .contains("2024-02-03 04:05");
        assertThat(Amounts.instant("yesterday")).isEmpty();
        assertThat(Amounts.instant("")).isEmpty();
    }

    @Test
    void progressIsALineForEachStepOfALayer() throws IOException {
        var out = new StringBuilder();
        try (var bars = new LayerBars(out, Style.LINES, Ticker.system())) {
            tellAll(bars);
            assertThat(bars.saved()).containsExactly("name");
        }
        assertThat(out.toString().lines())
                .containsExactly(
                        "layer 0123456789ab: downloading, 2.0 KiB",
                        "layer 0123456789ab: extracting, 2.0 KiB",
                        "layer 0123456789ab: done, 2.0 KiB");
    }

    @Test
    void onATerminalProgressIsABarThatIsWrittenOver() throws IOException {
        var out = new StringBuilder();
        try (var bars = new LayerBars(out, Style.BARS, Ticker.system())) {
            tellAll(bars);
        }
        assertThat(out.toString())
                .contains("0123456789ab [" + "=".repeat(24) + "] 2.0 KiB done", "1 of 1 layers done")
                .contains("\u001b[2A");
        assertThat(out.toString().split("(?<=\u001b\\[\\?7h)"))
                .as("on a narrow terminal lines are cut off, and nothing else is ever")
                .allMatch(drawn -> drawn.startsWith("\u001b[?7l") && drawn.endsWith("\u001b[?7h"));
    }

    @Test
    void whoWantsNoProgressGetsNone() throws IOException {
        var out = new StringBuilder();
        try (var bars = new LayerBars(out, Style.NOTHING, Ticker.system())) {
            tellAll(bars);
            assertThat(bars.saved()).containsExactly("name");
        }
        assertThat(out.toString()).isEmpty();
    }

    private static void tellAll(LayerBars bars) throws IOException {
        bars.told(Progress.newBuilder().setEvent("Resolving").build());
        tell(bars, "waiting", 0);
        tell(bars, "downloading", 0);
        tell(bars, "downloading", 1024);
        tell(bars, "extracting", 2048);
        tell(bars, "complete", 2048);
        bars.told(Progress.newBuilder().setEvent("saved").setName("name").build());
    }

    private static void tell(LayerBars bars, String event, long done) throws IOException {
        bars.told(Progress.newBuilder()
                .setEvent(event)
                .setName("layer-sha256:" + DIGEST)
                .setProgress(done)
                .setTotal(2048)
                .build());
    }
}

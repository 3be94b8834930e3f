package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.cri.config.PodConfig;
import dev.berth.cri.config.PodConfig.PodMetadata;
import dev.berth.cri.config.Resources;
import io.avaje.jsonb.JsonType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is written of a pod is what is read of it, however often, whatever a caller put into it. */
class LedgerJsonTest {
    private static final JsonType<Pod> JSON = Ledger.json().type(Pod.class);

    private static Pod pod(Map<String, String> map) {
        var resources = new Resources(1, 2, 3, 4, 5, "0", "0", List.of(), map, 6);
        String name = map.keySet().stream().findFirst().orElse("none");
        var config = new PodConfig(
                new PodMetadata(name, "uid", "default", 1),
                name,
                "/log",
                null,
                List.of(),
                map,
                map,
                "",
                null,
                map,
                resources,
                null);
        return new Pod("id", config, "", PodState.READY, 1, null, List.of(name), true, List.of());
    }

    private static void staysTheSame(Map<String, String> map) {
        Pod pod = pod(map);
        Pod read = pod;
        for (int i = 0; i < 3; i++) {
            read = JSON.fromJson(JSON.toJson(read));
            assertThat(read).isEqualTo(pod);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "plain",
                "with \"quotes\"",
                "back\\slash",
                "\\\"",
                "\\n",
                "a\nb\tc",
                "\u0000\u0001\u001f",
                "\u2028é𝄞",
                "",
                "/",
                "\\u0041",
                "</script>"
            })
    void keysAndValues(String text) {
        staysTheSame(Map.of(text, text));
        staysTheSame(Map.of("a", text, text + "b", "c"));
    }

    @Test
    void anything() {
        for (long seed = 0; seed < 300; seed++) {
            var random = new Random(seed);
            var map = new LinkedHashMap<String, String>();
            for (int n = random.nextInt(5); n >= 0; n--) {
                map.put(text(random), text(random));
            }
            staysTheSame(map);
        }
    }

    /** Mostly what JSON has its own way of writing. */
    private static String text(Random random) {
        var text = new StringBuilder();
        for (int n = random.nextInt(12); n > 0; n--) {
            switch (random.nextInt(4)) {
                case 0 -> text.append("\"\\/bfnrtu{}[],:".charAt(random.nextInt(14)));
                case 1 -> text.append((char) random.nextInt(0x20));
                case 2 -> text.append((char) (0x20 + random.nextInt(0x60)));
                default -> text.appendCodePoint(0xA0 + random.nextInt(0x2000));
            }
        }
        return text.toString();
    }
}

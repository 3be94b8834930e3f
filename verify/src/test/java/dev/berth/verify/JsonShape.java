package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.avaje.jsonb.JsonType;
import io.avaje.jsonb.Jsonb;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** Which keys there are in a JSON text, at which place, and of which types their values: what is alike where the values cannot be. */
final class JsonShape {
    private static final JsonType<Object> JSON = Jsonb.builder().build().type(Object.class);

    private JsonShape() {}

    /** A line for each, as in {@code .stats[].cpu.timestamp: text}. */
    static Set<String> of(String json) {
        var lines = new TreeSet<String>();
        collect(JSON.fromJson(json), "", lines);
        return lines;
    }

    private static void collect(Object value, String at, Set<String> lines) {
        switch (value) {
            case null -> lines.add(at + ": null");
            case Map<?, ?> map -> {
                lines.add(at + ": object");
                map.forEach((key, each) -> collect(each, at + "." + key, lines));
            }
            case List<?> list -> {
                lines.add(at + ": list");
                list.forEach(each -> collect(each, at + "[]", lines));
            }
            case Number _ -> lines.add(at + ": number");
            case Boolean _ -> lines.add(at + ": boolean");
            default -> lines.add(at + ": text");
        }
    }

    /**
     * Asserts that two texts differ as they are known to.
     *
     * @param onlyOurs patterns of what only the first has; one that fits nothing is out of date, which is an error
     * @param onlyTheirs the same of the second
     */
    static void compare(String command, String ours, String theirs, List<String> onlyOurs, List<String> onlyTheirs) {
        Set<String> our = of(ours);
        Set<String> their = of(theirs);
        difference("only Berth has in " + command, our, their, onlyOurs);
        difference("only containerd has in " + command, their, our, onlyTheirs);
    }

    private static void difference(String what, Set<String> some, Set<String> others, List<String> known) {
        var more = new TreeSet<>(some);
        more.removeAll(others);
        for (String pattern : known) {
            assertThat(more.removeIf(Pattern.compile(pattern).asMatchPredicate()))
                    .as(what + ": there is nothing any more like " + pattern)
                    .isTrue();
        }
        assertThat(more).as(what).isEmpty();
    }
}

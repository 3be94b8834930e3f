package dev.berth.daemon.cli;

import dev.berth.kernel.Fault;
import dev.berth.kernel.JsonString;
import dev.berth.oci.Adapters;
import io.avaje.json.JsonException;
import io.avaje.jsonb.Jsonb;
import java.util.Collection;
import java.util.Iterator;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** JSON for people and programs: two blanks for each level, and nothing in it that a terminal would obey. */
final class JsonPage {
    private static final Jsonb JSONB = Adapters.of(Jsonb.builder());

    private final StringBuilder text = new StringBuilder();

    private JsonPage() {}

    /** A document of maps, lists, texts, numbers and booleans. */
    static String of(Object document) {
        var page = new JsonPage();
        page.append(document, "\n");
        return page.text.toString();
    }

    /**
     * What somebody else wrote, to be part of a page.
     *
     * @throws Fault INVALID_ARGUMENT if it is not JSON
     */
    static Object read(String what, String json) {
        try {
            return JSONB.type(Object.class).fromJson(json);
        } catch (JsonException | IllegalStateException e) {
            throw Fault.invalid(what, "it is not JSON: " + e.getMessage(), "").causedBy(e);
        }
    }

    private void append(@Nullable Object value, String newLine) {
        switch (value) {
            case null -> text.append("null");
            case Map<?, ?> map -> append(map, newLine);
            case Collection<?> list -> append(list, newLine);
            case Number _, Boolean _ -> text.append(value);
            default -> JsonString.append(value.toString(), text);
        }
    }

    private void append(Map<?, ?> map, String newLine) {
        if (map.isEmpty()) {
            text.append("{}");
            return;
        }
        text.append('{');
        for (Iterator<? extends Map.Entry<?, ?>> entries = map.entrySet().iterator(); entries.hasNext(); ) {
            Map.Entry<?, ?> entry = entries.next();
            text.append(newLine).append("  ");
            JsonString.append(String.valueOf(entry.getKey()), text);
            text.append(": ");
            append(entry.getValue(), newLine + "  ");
            text.append(entries.hasNext() ? "," : "");
        }
        text.append(newLine).append('}');
    }

    private void append(Collection<?> list, String newLine) {
        if (list.isEmpty()) {
            text.append("[]");
            return;
        }
        text.append('[');
        for (Iterator<?> items = list.iterator(); items.hasNext(); ) {
            text.append(newLine).append("  ");
            append(items.next(), newLine + "  ");
            text.append(items.hasNext() ? "," : "");
        }
        text.append(newLine).append(']');
    }
}

package dev.berth.shim.runtime;

import io.avaje.json.JsonException;
import io.avaje.json.JsonReader;
import io.avaje.json.stream.JsonStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * An object of JSON whose values stay the text that they were: what we do not know survives a change of what we know, and a
 * number of 64 bits is not rounded. Immutable.
 */
final class JsonObjectText {
    private static final JsonStream STREAM = JsonStream.builder().build();
    static final JsonObjectText EMPTY = new JsonObjectText(Map.of());

    private final Map<String, String> values;

    /** What was asked for once: the objects of a config are read again and again. */
    private final Map<String, JsonObjectText> objects = new ConcurrentHashMap<>();

    private JsonObjectText(Map<String, String> values) {
        this.values = values;
    }

    /** @throws IllegalArgumentException if the text is not one object */
    static JsonObjectText parse(String text) {
        try (JsonReader reader = STREAM.reader(text)) {
            Map<String, String> values = new LinkedHashMap<>();
            reader.beginObject();
            while (reader.hasNextField()) {
                String name = reader.nextField();
                values.put(name, reader.readRaw().strip());
            }
            reader.endObject();
            return new JsonObjectText(values);
        } catch (JsonException | IllegalStateException e) {
            throw new IllegalArgumentException("not an object of JSON: " + e.getMessage(), e);
        }
    }

    /** The text of a string as JSON. */
    static String quoted(String value) {
        var writer = STREAM.bufferedWriter();
        writer.value(value);
        return writer.result();
    }

    boolean has(String name) {
        String value = values.get(name);
        return value != null && !value.equals("null");
    }

    /** The object under a name; an empty one if there is none. */
    JsonObjectText object(String name) {
        return has(name) ? objects.computeIfAbsent(name, key -> parse(values.getOrDefault(key, "{}"))) : EMPTY;
    }

    /** The value as it stands. */
    Optional<String> raw(String name) {
        return has(name) ? Optional.ofNullable(values.get(name)) : Optional.empty();
    }

    /**
     * The whole number under a name; 0 if there is none.
     *
     * @throws IllegalArgumentException if it is no number of 64 bits
     */
    long number(String name) {
        return raw(name).map(Long::parseLong).orElse(0L);
    }

    /** True if all that has a value, other than null and an empty object or array, is one of these. */
    boolean hasOnly(Set<String> names) {
        return values.entrySet().stream()
                .allMatch(each -> names.contains(each.getKey())
                        || Set.of("null", "{}", "[]").contains(each.getValue()));
    }

    /** The string under a name. */
    Optional<String> string(String name) {
        return raw(name).map(text -> {
            try (JsonReader reader = STREAM.reader("[" + text + "]")) { // the reader wants a start
                reader.beginArray();
                reader.hasNextElement();
                return reader.readString();
            } catch (JsonException e) {
                throw new IllegalArgumentException(name + " cannot be read: " + e.getMessage(), e);
            }
        });
    }

    /** The elements of the array under a name, each as it stands; none if there is no array. */
    List<String> elements(String name) {
        if (!has(name)) {
            return List.of();
        }
        List<String> elements = new ArrayList<>();
        try (JsonReader reader = STREAM.reader(values.getOrDefault(name, "[]"))) {
            reader.beginArray();
            while (reader.hasNextElement()) {
                elements.add(reader.readRaw().strip());
            }
            reader.endArray();
        } catch (JsonException e) {
            throw new IllegalArgumentException(name + " cannot be read: " + e.getMessage(), e);
        }
        return elements;
    }

    JsonObjectText with(String name, String raw) {
        Map<String, String> changed = new LinkedHashMap<>(values);
        changed.put(name, raw);
        return new JsonObjectText(changed);
    }

    JsonObjectText without(String name) {
        Map<String, String> changed = new LinkedHashMap<>(values);
        changed.remove(name);
        return new JsonObjectText(changed);
    }

    /** The object as JSON on one line, if its values are. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("{");
        values.forEach((name, value) -> {
            if (text.length() > 1) {
                text.append(',');
            }
            text.append(quoted(name)).append(':').append(value);
        });
        return text.append('}').toString();
    }
}

package dev.berth.oci;

import io.avaje.json.JsonAdapter;
import io.avaje.json.JsonDataException;
import io.avaje.json.JsonReader;
import io.avaje.json.JsonWriter;
import io.avaje.jsonb.AdapterFactory;
import io.avaje.jsonb.Types;
import java.lang.reflect.ParameterizedType;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Maps in JSON. The library's own adapter gives the keys of a map inside a record as they stand in the text, escapes
 * included, so that a key with a quote in it would change each time it is read and written.
 */
public final class JsonMaps {
    private JsonMaps() {}

    /**
     * Adapters for every map with a type.
     *
     * @param omitEmpty whether an empty map is left out, since to some readers {@code {}} says something
     */
    public static AdapterFactory factory(boolean omitEmpty) {
        return (type, jsonb) ->
                type instanceof ParameterizedType map && Types.rawType(type).equals(Map.class)
                        ? new MapAdapter<>(jsonb.adapter(map.getActualTypeArguments()[1]), omitEmpty)
                        : null;
    }

    private record MapAdapter<V>(JsonAdapter<V> values, boolean omitEmpty) implements JsonAdapter<Map<String, V>> {
        @Override
        public void toJson(JsonWriter writer, Map<String, V> map) {
            if (map.isEmpty() && omitEmpty) {
                writer.nullValue(); // which is not written, nor is its name
                return;
            }
            writer.beginObject();
            map.forEach((key, value) -> {
                writer.name(key);
                values.toJson(writer, value);
            });
            writer.endObject();
        }

        @Override
        public Map<String, V> fromJson(JsonReader reader) {
            Map<String, V> map = new LinkedHashMap<>();
            if (reader.isNullValue()) {
                return map;
            }
            reader.beginObject();
            while (reader.hasNextField()) {
                String key = decode(reader.nextField());
                map.put(key, values.fromJson(reader));
            }
            reader.endObject();
            return map;
        }
    }

    /** Undoes the escapes of a JSON string. */
    static String decode(String raw) {
        if (raw.indexOf('\\') < 0) {
            return raw;
        }
        var text = new StringBuilder(raw.length());
        for (int i = 0; i < raw.length(); i++) {
            char c = raw.charAt(i);
            if (c != '\\') {
                text.append(c);
            } else if (i + 1 < raw.length() && raw.charAt(i + 1) == 'u' && i + 5 < raw.length()) {
                text.append((char) Integer.parseInt(raw, i + 2, i + 6, 16));
                i += 5;
            } else if (i + 1 < raw.length()) {
                text.append(escaped(raw.charAt(++i)));
            }
        }
        return text.toString();
    }

    private static char escaped(char c) {
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            default -> throw new JsonDataException("no escape: \\" + c);
        };
    }
}

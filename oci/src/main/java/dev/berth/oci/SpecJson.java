package dev.berth.oci;

import io.avaje.json.JsonAdapter;
import io.avaje.json.JsonReader;
import io.avaje.json.JsonWriter;
import io.avaje.jsonb.Jsonb;
import io.avaje.jsonb.Types;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** JSON of runtime specs: an empty map is left out like an empty list, since to some runtimes {@code {}} says something. */
final class SpecJson {
    /** Thread-safe. */
    static final Jsonb JSONB = Jsonb.builder()
            .serializeNulls(false)
            .serializeEmpty(false)
            .add(SpecJson::maps)
            .build();

    private SpecJson() {}

    private static @Nullable JsonAdapter<?> maps(Type type, Jsonb jsonb) {
        if (type instanceof ParameterizedType map && Types.rawType(type).equals(Map.class)) {
            return new MapAdapter<>(jsonb.adapter(map.getActualTypeArguments()[1]));
        }
        return null;
    }

    private record MapAdapter<V>(JsonAdapter<V> values) implements JsonAdapter<Map<String, V>> {
        @Override
        public void toJson(JsonWriter writer, Map<String, V> map) {
            if (map.isEmpty()) {
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
                String key = reader.nextField();
                map.put(key, values.fromJson(reader));
            }
            reader.endObject();
            return map;
        }
    }
}

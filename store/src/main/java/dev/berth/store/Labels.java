package dev.berth.store;

import dev.berth.kernel.Fault;
import io.avaje.json.mapper.JsonMapper;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** Labels: their limits, and their form in the database. */
final class Labels {
    /** containerd's limit for a key and its value together, in bytes. */
    private static final int MAX_BYTES = 4096;

    private static final int SHOWN = 64;
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private Labels() {}

    /**
     * A copy that nobody changes, in the order of its keys.
     *
     * @throws Fault INVALID_ARGUMENT if a key is empty, or a key and its value are longer than 4096 bytes
     */
    static Map<String, String> check(Map<String, String> labels) {
        if (labels.isEmpty()) {
            return Map.of();
        }
        labels.forEach(Labels::check);
        return Collections.unmodifiableMap(new TreeMap<>(labels));
    }

    static String toJson(Map<String, String> labels) {
        return labels.isEmpty() ? "{}" : JSON.toJson(labels);
    }

    /** Reads what {@link #toJson} wrote. */
    static Map<String, String> fromJson(String json) {
        if (json.equals("{}")) {
            return Map.of();
        }
        Map<String, String> labels = new LinkedHashMap<>();
        JSON.fromJsonObject(json).forEach((key, value) -> labels.put(key, String.valueOf(value)));
        return Collections.unmodifiableMap(labels);
    }

    private static void check(String key, String value) {
        if (key.isEmpty()) {
            throw Fault.invalid("label", "its key is empty", "");
        }
        int bytes = key.getBytes(StandardCharsets.UTF_8).length + value.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > MAX_BYTES) {
            String shown = key.length() > SHOWN ? key.substring(0, SHOWN) + "…" : key;
            throw Fault.invalid("label " + shown, "key and value have " + bytes + " bytes, more than " + MAX_BYTES, "");
        }
    }
}

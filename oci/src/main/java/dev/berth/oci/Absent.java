package dev.berth.oci;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** What stands for a JSON field that is missing or null, so that no value outside this package is ever null. */
final class Absent {
    private Absent() {}

    static String text(@Nullable String value) {
        return value == null ? "" : value;
    }

    static <T> List<T> list(@Nullable List<T> value) {
        return value == null
                ? List.of()
                : value.stream().filter(Objects::nonNull).toList();
    }

    static <V> Map<String, V> map(@Nullable Map<String, V> value) {
        if (value == null || value.isEmpty()) {
            return Map.of();
        }
        Map<String, V> present = new LinkedHashMap<>(value);
        present.values().removeIf(Objects::isNull);
        return Collections.unmodifiableMap(present);
    }
}

package dev.berth.network.cni;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A JSON object whose members we know only in part. Not changed once it is made. */
record JsonObject(Map<String, @Nullable Object> members) {
    static final JsonObject EMPTY = new JsonObject(Map.of());

    /** An object of one member; more come by {@link #with}. */
    static JsonObject of(String name, @Nullable Object value) {
        return EMPTY.with(name, value);
    }

    /** The same with a member set. */
    JsonObject with(String name, @Nullable Object value) {
        Map<String, @Nullable Object> all = new LinkedHashMap<>(members);
        all.put(name, value);
        return new JsonObject(all);
    }

    JsonObject without(String... names) {
        Map<String, @Nullable Object> all = new LinkedHashMap<>(members);
        all.keySet().removeAll(List.of(names));
        return new JsonObject(all);
    }

    boolean has(String name) {
        return members.get(name) != null;
    }

    /** A string; empty if it is not there or something else. */
    String text(String name) {
        return members.get(name) instanceof String text ? text : "";
    }

    boolean flag(String name) {
        return Boolean.TRUE.equals(members.get(name));
    }

    /** A whole number, empty if it is not there or something else. */
    Optional<Integer> integer(String name) {
        return members.get(name) instanceof Json.Figure number && number.text().matches("-?[0-9]{1,9}")
                ? Optional.of(Integer.valueOf(number.text()))
                : Optional.empty();
    }

    /** An object; one without members if it is not there or something else. */
    JsonObject object(String name) {
        return members.get(name) instanceof JsonObject object ? object : EMPTY;
    }

    /** The objects in a list; none if it is not there or something else. */
    List<JsonObject> objects(String name) {
        List<JsonObject> objects = new ArrayList<>();
        if (members.get(name) instanceof List<?> list) {
            for (Object element : list) {
                if (element instanceof JsonObject object) {
                    objects.add(object);
                }
            }
        }
        return objects;
    }

    /** The strings in a list. */
    List<String> texts(String name) {
        List<String> texts = new ArrayList<>();
        if (members.get(name) instanceof List<?> list) {
            for (Object element : list) {
                if (element instanceof String text) {
                    texts.add(text);
                }
            }
        }
        return texts;
    }

    byte[] bytes() {
        return toString().getBytes(StandardCharsets.UTF_8);
    }

    /** The object as JSON, on one line. */
    @Override
    public String toString() {
        return Json.write(this);
    }
}

package dev.berth.services;

import dev.berth.kernel.Fault;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What a field mask says about labels: all of them, or some by name; and which other fields it names. */
final class LabelChange {
    /** The mask that names all labels. */
    static final List<String> EVERY = List.of("labels");

    private static final String ALL = "labels";
    private static final String ONE = "labels.";

    private LabelChange() {}

    /**
     * The labels after an update that may change nothing but labels.
     *
     * @param paths the mask; empty for everything
     * @param type of the record, for the error
     * @throws Fault INVALID_ARGUMENT if the mask names another field
     */
    static Map<String, String> of(
            String type, Collection<String> paths, Map<String, String> old, Map<String, String> given) {
        if (paths.isEmpty()) {
            return merge(EVERY, old, given);
        }
        paths.stream().filter(path -> !isLabels(path)).findFirst().ifPresent(path -> {
            throw Fault.invalid(
                    "update of " + type,
                    "\"" + path + "\" is not a field that can change",
                    "Name labels or labels.KEY");
        });
        return merge(paths, old, given);
    }

    /** Whether a path of a mask is about labels. */
    static boolean isLabels(String path) {
        return path.equals(ALL) || path.startsWith(ONE);
    }

    /** The labels after an update with this mask; an empty value takes the label away. */
    static Map<String, String> merge(Collection<String> paths, Map<String, String> old, Map<String, String> given) {
        Map<String, String> merged = new TreeMap<>(paths.contains(ALL) ? Map.of() : old);
        List<String> keys = paths.contains(ALL)
                ? List.copyOf(given.keySet())
                : paths.stream()
                        .filter(path -> path.startsWith(ONE))
                        .map(path -> path.substring(ONE.length()))
                        .toList();
        for (String key : keys) {
            String value = given.getOrDefault(key, "");
            if (value.isEmpty()) {
                merged.remove(key);
            } else {
                merged.put(key, value);
            }
        }
        return merged;
    }
}

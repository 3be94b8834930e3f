package dev.berth.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What a kubelet tells of a pod. */
record KubeletPod(Map<?, ?> tree) {
    /** Of one container of it, an initial one too. */
    record Told(Map<?, ?> tree) {
        String name() {
            return text(tree, "name");
        }

        String id() {
            return text(tree, "containerID");
        }

        boolean ready() {
            return Boolean.TRUE.equals(tree.get("ready"));
        }

        long restarts() {
            return number(tree, "restartCount");
        }

        /** As in {@code lastState terminated reason}; empty if it is not told. */
        String said(String... path) {
            return text(tree, path);
        }

        long counted(String... path) {
            return number(tree, path);
        }
    }

    String name() {
        return text(tree, "metadata", "name");
    }

    String uid() {
        return text(tree, "metadata", "uid");
    }

    String address() {
        return text(tree, "status", "podIP");
    }

    boolean ready() {
        return list(tree, "status", "conditions").stream()
                .anyMatch(it ->
                        text(it, "type").equals("Ready") && text(it, "status").equals("True"));
    }

    List<Told> containers() {
        return Stream.of("initContainerStatuses", "containerStatuses")
                .flatMap(kind -> list(tree, "status", kind).stream())
                .map(Told::new)
                .toList();
    }

    Told container(String name) {
        return containers().stream()
                .filter(it -> it.name().equals(name))
                .findFirst()
                .orElseGet(() -> new Told(Map.of()));
    }

    /** What must stay the same while nothing is restarted. */
    List<String> runs() {
        return containers().stream()
                .map(it -> it.name() + " " + it.id() + " restarted " + it.restarts() + ", begun "
                        + it.said("state", "running", "startedAt"))
                .toList();
    }

    static String text(Map<?, ?> tree, String... path) {
        return at(tree, path) instanceof String text ? text : "";
    }

    static long number(Map<?, ?> tree, String... path) {
        return at(tree, path) instanceof Number number ? number.longValue() : 0;
    }

    static List<Map<?, ?>> list(Map<?, ?> tree, String... path) {
        var found = new ArrayList<Map<?, ?>>();
        if (at(tree, path) instanceof List<?> list) {
            list.forEach(each -> found.add((Map<?, ?>) each));
        }
        return found;
    }

    private static @Nullable Object at(Map<?, ?> tree, String... path) {
        Object value = tree;
        for (String key : path) {
            value = value instanceof Map<?, ?> map ? map.get(key) : null;
        }
        return value;
    }
}

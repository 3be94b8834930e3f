package dev.berth.cri;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/**
 * What the lines that are logged in it are about. For try-with-resources; scopes nest, and each line carries the ids of all.
 * Threads that are started inside carry them too.
 */
public final class LogScope implements AutoCloseable {
    private final Map<String, @Nullable String> before = new HashMap<>();

    private LogScope() {}

    /** A call of a method, by its name in the protocol. */
    public static LogScope method(String name) {
        return new LogScope().with("method", name);
    }

    /** Work on a pod. */
    public static LogScope pod(Pod pod) {
        return add(new LogScope(), pod);
    }

    /** Work on a container. */
    public static LogScope container(Container container, @Nullable Pod pod) {
        return add(new LogScope(), container, pod);
    }

    /** Work on something that has no record. */
    static LogScope of(String key, String value) {
        return new LogScope().with(key, value);
    }

    /** The same scope with a pod. */
    public static LogScope add(LogScope scope, Pod pod) {
        return scope.with("pod", pod.id()).with("name", name(pod));
    }

    /** The same scope with a container and its pod. */
    public static LogScope add(LogScope scope, Container container, @Nullable Pod pod) {
        return scope.with("pod", container.podId())
                .with("container", container.id())
                .with(
                        "name",
                        (pod == null ? "" : name(pod) + "/")
                                + container.config().metadata().name());
    }

    /** Adds something to this scope; nothing if the value is empty. */
    public LogScope with(String key, String value) {
        if (!value.isEmpty()) {
            before.putIfAbsent(key, MDC.get(key));
            MDC.put(key, value);
        }
        return this;
    }

    private static String name(Pod pod) {
        var metadata = pod.config().metadata();
        return metadata.namespace() + "/" + metadata.name();
    }

    @Override
    public void close() {
        List<String> keys = new ArrayList<>(before.keySet());
        for (String key : keys) {
            String value = before.get(key);
            if (value == null) {
                MDC.remove(key);
            } else {
                MDC.put(key, value);
            }
        }
    }
}

package dev.berth.network.cni;

import org.jspecify.annotations.Nullable;

/**
 * What was added for a pod, and with what: all that CHECK and DEL need, whatever the configuration is by then.
 *
 * @param result null if the ADD was never finished
 */
record Added(NetworkList list, PodArguments pod, @Nullable JsonObject result) {
    private static final int FORMAT = 1;

    Added with(JsonObject newResult) {
        return new Added(list, pod, newResult);
    }

    byte[] bytes() {
        return JsonObject.of("format", Json.Figure.of(FORMAT))
                .with("id", pod.id())
                .with("netns", pod.netns())
                .with("args", pod.args())
                .with("capabilities", pod.capabilities())
                .with("list", list.json())
                .with("result", result)
                .bytes();
    }

    /** @throws IllegalArgumentException if it is not one of {@link #bytes()} */
    static Added parse(byte[] bytes) {
        JsonObject json = Json.object(bytes);
        if (json.integer("format").orElse(0) != FORMAT) {
            throw new IllegalArgumentException("it has an unknown format");
        }
        var pod = new PodArguments(json.text("id"), json.text("netns"), json.text("args"), json.object("capabilities"));
        return new Added(NetworkList.of(json.object("list")), pod, json.has("result") ? json.object("result") : null);
    }
}

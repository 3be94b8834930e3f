package dev.berth.cri.checkpoint;

import dev.berth.kernel.Fault;
import dev.berth.oci.Adapters;
import dev.berth.oci.JsonMaps;
import io.avaje.jsonb.Jsonb;

/** What is said in JSON, sealed by whoever said it. */
final class Texts {
    private static final Jsonb JSON = Adapters.of(Jsonb.builder().add(JsonMaps.factory(false)));

    private Texts() {}

    static <T> byte[] bytes(Class<T> type, T value) {
        return JSON.type(type).toJsonBytes(value);
    }

    /** Reads a text whose seal fits: a node that shares this one's key has written it. */
    static <T> T read(String what, Class<T> type, byte[] text) {
        try {
            return JSON.type(type).fromJson(text);
        } catch (RuntimeException e) {
            throw Fault.invalid(what, "what it says of itself cannot be read: " + e.getMessage(), "Make another one")
                    .causedBy(e);
        }
    }
}

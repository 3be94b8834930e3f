package dev.berth.oci;

import io.avaje.jsonb.Jsonb;

/** How adapters of JSON are made ready: one at a time, because the library sorts a list that all of them share while it does so. */
public final class Adapters {
    private Adapters() {}

    /** The builder's product. */
    public static synchronized Jsonb of(Jsonb.Builder builder) {
        return builder.build();
    }
}

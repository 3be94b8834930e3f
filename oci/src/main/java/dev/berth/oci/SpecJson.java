package dev.berth.oci;

import io.avaje.jsonb.Jsonb;

/** JSON of runtime specs: an empty map is left out like an empty list, since to some runtimes {@code {}} says something. */
final class SpecJson {
    /** Thread-safe. */
    static final Jsonb JSONB = Adapters.of(
            Jsonb.builder().serializeNulls(false).serializeEmpty(false).add(JsonMaps.factory(true)));

    private SpecJson() {}
}

package dev.berth.oci;

import io.avaje.json.JsonAdapter;
import io.avaje.json.JsonReader;
import io.avaje.json.JsonWriter;
import io.avaje.jsonb.CustomAdapter;
import io.avaje.jsonb.Jsonb;

/** A digest in JSON is one string. */
@CustomAdapter
public final class DigestAdapter implements JsonAdapter<Digest> {
    /** @param jsonb not needed, but the generated code passes it */
    public DigestAdapter(Jsonb jsonb) {}

    @Override
    public void toJson(JsonWriter writer, Digest value) {
        writer.value(value.toString());
    }

    @Override
    public Digest fromJson(JsonReader reader) {
        return Digest.parse(reader.readString());
    }
}

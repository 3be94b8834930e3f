package dev.berth.store;

import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import io.avaje.json.JsonException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** The description of an ingest, as it lies beside its data. */
record IngestAbout(String ref, Blobs.Wanted wanted, Blobs.Announced announced, Instant startedAt) {
    private static final String REF = "ref";
    private static final String DIGEST = "digest";
    private static final String SIZE = "size";
    private static final String TOTAL = "total";
    private static final String LEASED = "leased";
    private static final String STARTED_AT = "startedAt";

    String toText() {
        OptionalLong size = wanted.size();
        return Labels.toJson(Map.of(
                REF,
                ref,
                DIGEST,
                wanted.digest().map(Digest::toString).orElse(""),
                SIZE,
                size.isPresent() ? Long.toString(size.getAsLong()) : "",
                TOTAL,
                Long.toString(announced.total()),
                LEASED,
                Boolean.toString(announced.leased()),
                STARTED_AT,
                startedAt.toString()));
    }

    /** Empty if the text is torn: it is never synced. */
    static Optional<IngestAbout> fromText(String text) {
        try {
            Map<String, String> about = Labels.fromJson(text);
            String digest = about.getOrDefault(DIGEST, "");
            String size = about.getOrDefault(SIZE, "");
            return Optional.of(new IngestAbout(
                    Names.check("ingest", about.getOrDefault(REF, "")),
                    new Blobs.Wanted(
                            digest.isEmpty() ? Optional.empty() : Optional.of(Digest.parse(digest)),
                            size.isEmpty() ? OptionalLong.empty() : OptionalLong.of(Long.parseLong(size))),
                    new Blobs.Announced(
                            Long.parseLong(about.getOrDefault(TOTAL, "0")), Boolean.parseBoolean(about.get(LEASED))),
                    Instant.parse(about.getOrDefault(STARTED_AT, ""))));
        } catch (Fault | NumberFormatException | DateTimeException | JsonException e) {
            return Optional.empty();
        }
    }
}

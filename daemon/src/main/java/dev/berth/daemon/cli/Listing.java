package dev.berth.daemon.cli;

import dev.berth.daemon.cli.StoredImage.Variant;
import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * {@code berth image ls}.
 *
 * @param all also names that only repeat a digest of an image that has another name
 */
record Listing(boolean json, boolean quiet, boolean all) implements Session.Action {
    static Session.Action parse(Arguments arguments) {
        var listing = new Listing(json(arguments), arguments.flag("--quiet", "-q"), arguments.flag("--all", "-a"));
        arguments.words("[options]", 0, 0);
        return listing;
    }

    /** Whether JSON is wanted; otherwise it is a table. */
    static boolean json(Arguments arguments) {
        String format = arguments.value("--format");
        if (format == null || format.equals("table")) {
            return false;
        }
        if (!format.equals("json")) {
            throw new Misuse("--format is json or table, not \"" + format + "\"");
        }
        return true;
    }

    /** What a row says. */
    private record Row(StoredImage image, List<String> platforms, String id, long size, Instant created) {}

    @Override
    public int run(Session session) {
        List<StoredImage> images = shown(session.library().all());
        if (quiet) {
            images.forEach(image -> session.terminal().say(image.name()));
            return 0;
        }
        Map<Digest, Long> sizes = session.library().sizes();
        List<Row> rows = images.stream()
                .map(image -> row(session.library(), image, sizes))
                .toList();
        if (json) {
            session.terminal()
                    .out()
                    .println(JsonPage.of(rows.stream().map(Listing::document).toList()));
            return 0;
        }
        var table = new TextTable("NAME", "DIGEST", "PLATFORM", "SIZE", "CREATED");
        for (Row row : rows) {
            table.add(
                    row.image().name(),
                    row.image().target().digest().shortHex(),
                    row.platforms().isEmpty() ? "-" : String.join(",", row.platforms()),
                    Amounts.bytes(row.size()),
                    Amounts.time(row.created()));
        }
        table.print(session.terminal().out());
        return 0;
    }

    private List<StoredImage> shown(List<StoredImage> images) {
        Set<Digest> named = images.stream()
                .filter(image -> !image.isDigestOnly())
                .map(image -> image.target().digest())
                .collect(Collectors.toSet());
        return images.stream()
                .filter(image -> all
                        || !image.isDigestOnly()
                        || !named.contains(image.target().digest()))
                .toList();
    }

    /** What is damaged is a row too, without what cannot be read. */
    private static Row row(Library library, StoredImage image, Map<Digest, Long> sizes) {
        List<Variant> variants;
        try {
            variants = library.variants(image);
        } catch (Fault damaged) {
            return new Row(
                    image,
                    List.of("damaged"),
                    "",
                    sizes.getOrDefault(image.target().digest(), 0L),
                    image.since());
        }
        List<Variant> whole = variants.stream()
                .filter(variant ->
                        variant.parts().stream().map(Descriptor::digest).allMatch(sizes::containsKey)
                                || library.isUnpacked(variant))
                .toList();
        Set<Digest> parts = new HashSet<>(Set.of(image.target().digest()));
        variants.forEach(variant -> variant.parts().forEach(part -> parts.add(part.digest())));
        long size =
                parts.stream().mapToLong(part -> sizes.getOrDefault(part, 0L)).sum();
        return new Row(
                image,
                whole.stream().map(variant -> variant.platform().toString()).toList(),
                whole.isEmpty() ? "" : whole.getFirst().id().toString(),
                size,
                whole.stream()
                        .findFirst()
                        .flatMap(variant -> Amounts.instant(variant.config().created()))
                        .orElse(image.since()));
    }

    private static Map<String, Object> document(Row row) {
        var document = new LinkedHashMap<String, Object>();
        document.put("name", row.image().name());
        document.put("digest", row.image().target().digest().toString());
        document.put("id", row.id());
        document.put("mediaType", row.image().target().mediaType());
        document.put("platforms", new ArrayList<>(row.platforms()));
        document.put("size", row.size());
        document.put("created", row.created().toString());
        document.put("named", row.image().since().toString());
        document.put("labels", row.image().labels());
        return document;
    }
}

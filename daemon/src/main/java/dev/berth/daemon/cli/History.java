package dev.berth.daemon.cli;

import dev.berth.daemon.cli.StoredImage.Variant;
import dev.berth.oci.Descriptor;
import dev.berth.oci.ImageConfig;
import dev.berth.oci.Platform;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * {@code berth image history}.
 *
 * @param whole whether long commands stay long
 */
record History(String image, Platform platform, boolean json, boolean whole) implements Session.Action {
    private static final int SHOWN = 60;

    /** A step of the image's making; the layer is that which it made, if it made one. */
    private record Step(ImageConfig.History said, Optional<Descriptor> layer) {}

    static Session.Action parse(Arguments arguments) {
        Platform platform = Optional.ofNullable(arguments.value("--platform"))
                .map(Platform::parse)
                .orElseGet(Platform::host);
        boolean json = Listing.json(arguments);
        boolean whole = arguments.flag("--no-trunc");
        return new History(arguments.words("IMAGE", 1, 1).getFirst(), platform, json, whole);
    }

    @Override
    public int run(Session session) {
        Variant variant = session.library().variant(session.library().find(image), platform);
        List<Step> newestFirst = steps(variant).reversed();
        if (json) {
            session.terminal()
                    .out()
                    .println(JsonPage.of(
                            newestFirst.stream().map(History::document).toList()));
            return 0;
        }
        var table = new TextTable("CREATED", "LAYER", "SIZE", "CREATED BY", "COMMENT");
        for (Step step : newestFirst) {
            table.add(
                    Amounts.instant(step.said().created()).map(Amounts::time).orElse("-"),
                    step.layer().map(layer -> layer.digest().shortHex()).orElse("-"),
                    Amounts.bytes(step.layer().map(Descriptor::size).orElse(0L)),
                    shown(step.said().createdBy()),
                    shown(step.said().comment()));
        }
        table.print(session.terminal().out());
        return 0;
    }

    /** Layers that the history does not tell of, because there is none or it is too short, come last. */
    private static List<Step> steps(Variant variant) {
        Iterator<Descriptor> layers = variant.manifest().layers().iterator();
        var steps = new ArrayList<Step>();
        for (ImageConfig.History said : variant.config().history()) {
            boolean has = !said.emptyLayer() && layers.hasNext();
            steps.add(new Step(said, has ? Optional.of(layers.next()) : Optional.empty()));
        }
        while (layers.hasNext()) {
            steps.add(new Step(new ImageConfig.History("", "", "", "", false), Optional.of(layers.next())));
        }
        return steps;
    }

    private String shown(String text) {
        return whole || text.length() <= SHOWN ? text : text.substring(0, SHOWN - 1) + "…";
    }

    private static Map<String, Object> document(Step step) {
        var document = new LinkedHashMap<String, Object>();
        document.put("created", step.said().created());
        document.put("createdBy", step.said().createdBy());
        document.put("author", step.said().author());
        document.put("comment", step.said().comment());
        document.put("size", step.layer().map(Descriptor::size).orElse(0L));
        step.layer().ifPresent(layer -> document.put("layer", layer.digest().toString()));
        return document;
    }
}

package dev.berth.oci;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One image for one platform: its config and its layers, lowest first.
 *
 * @param artifactType what it is if it is no image; empty for images
 * @param subject the manifest that this one is about, if any
 */
@Json
public record Manifest(
        int schemaVersion,
        String mediaType,
        String artifactType,
        Descriptor config,
        List<Descriptor> layers,
        @Nullable Descriptor subject,
        Map<String, String> annotations)
        implements ImageTree {

    /** @throws Fault INVALID_ARGUMENT if the config is missing or there are too many layers */
    public Manifest {
        mediaType = Absent.text(mediaType);
        artifactType = Absent.text(artifactType);
        layers = Absent.list(layers);
        annotations = Absent.map(annotations);
        if (config == null) {
            throw ImageTree.broken("image manifest", "it names no config");
        }
        if (layers.size() > MAX_ENTRIES) {
            throw ImageTree.broken("image manifest", "it has " + layers.size() + " layers, more than " + MAX_ENTRIES);
        }
    }

    /** A manifest made here. */
    public static Manifest of(String mediaType, Descriptor config, List<Descriptor> layers) {
        return new Manifest(2, mediaType, "", config, layers, null, Map.of());
    }

    static Manifest parse(String mediaType, byte[] json) {
        Manifest read = JsonText.read("image manifest", JsonText.JSONB.type(Manifest.class), json, MAX_BYTES);
        return new Manifest(
                read.schemaVersion,
                mediaType,
                read.artifactType,
                read.config,
                read.layers,
                read.subject,
                read.annotations);
    }

    /** The manifest as JSON in UTF-8. */
    public byte[] toJson() {
        return TreeText.of(this);
    }
}

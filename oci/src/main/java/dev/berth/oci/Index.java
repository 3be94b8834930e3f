package dev.berth.oci;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * One name for several images, usually of several platforms.
 *
 * @param artifactType what it is if it is no image; empty for images
 * @param subject the manifest that this one is about, if any
 */
@Json
public record Index(
        int schemaVersion,
        String mediaType,
        String artifactType,
        List<Descriptor> manifests,
        @Nullable Descriptor subject,
        Map<String, String> annotations)
        implements ImageTree {

    /** @throws Fault INVALID_ARGUMENT if there are too many entries */
    public Index {
        mediaType = Absent.text(mediaType);
        artifactType = Absent.text(artifactType);
        manifests = Absent.list(manifests);
        annotations = Absent.map(annotations);
        if (manifests.size() > MAX_ENTRIES) {
            throw ImageTree.broken("image index", "it has " + manifests.size() + " entries, more than " + MAX_ENTRIES);
        }
    }

    /** An index made here. */
    public static Index of(String mediaType, List<Descriptor> manifests) {
        return new Index(2, mediaType, "", manifests, null, Map.of());
    }

    static Index parse(String mediaType, byte[] json) {
        Index read = JsonText.read("image index", JsonText.JSONB.type(Index.class), json, MAX_BYTES);
        return new Index(
                read.schemaVersion, mediaType, read.artifactType, read.manifests, read.subject, read.annotations);
    }

    /**
     * The entry that runs best on a platform: the first of those with the smallest distance. Entries that say no platform are taken
     * only if no other fits; attestations and other things that are no image, never.
     */
    public Optional<Descriptor> choose(Platform platform) {
        Descriptor best = null;
        int bestDistance = Integer.MAX_VALUE;
        for (Descriptor entry : manifests) {
            if (!MediaTypes.isManifest(entry.mediaType()) && !MediaTypes.isIndex(entry.mediaType())) {
                continue;
            }
            OptionalInt distance = entry.runsOn().isPresent()
                    ? platform.distanceTo(entry.runsOn().get())
                    : OptionalInt.of(Integer.MAX_VALUE - 1);
            if (distance.isPresent() && distance.getAsInt() < bestDistance) {
                best = entry;
                bestDistance = distance.getAsInt();
            }
        }
        return Optional.ofNullable(best);
    }

    /** The index as JSON in UTF-8. */
    public byte[] toJson() {
        return TreeText.of(this);
    }
}

package dev.berth.oci;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Names some content: what it is, which bytes, how many.
 *
 * @param size bytes, 0 or more
 * @param urls other places that offer the content; we never follow them
 * @param data the content itself in base64 if it was embedded; empty if not
 * @param platform what it runs on, for the entries of an index
 * @param artifactType what kind of artifact it is; empty for images
 */
@Json
public record Descriptor(
        String mediaType,
        Digest digest,
        long size,
        List<String> urls,
        Map<String, String> annotations,
        String data,
        @Nullable Platform platform,
        String artifactType) {
    private static final int MAX_MEDIA_TYPE = 255;

    /** @throws Fault INVALID_ARGUMENT if type or digest is missing or the size is negative */
    public Descriptor {
        mediaType = Absent.text(mediaType);
        if (mediaType.isEmpty() || mediaType.length() > MAX_MEDIA_TYPE) {
            throw ImageTree.broken("descriptor", "its media type is missing or too long");
        }
        if (digest == null) {
            throw ImageTree.broken("descriptor of a " + mediaType, "it has no digest");
        }
        if (size < 0) {
            throw ImageTree.broken("descriptor of " + digest, "its size is negative");
        }
        urls = Absent.list(urls);
        annotations = Absent.map(annotations);
        data = Absent.text(data);
        artifactType = Absent.text(artifactType);
    }

    public static Descriptor of(String mediaType, Digest digest, long size) {
        return new Descriptor(mediaType, digest, size, List.of(), Map.of(), "", null, "");
    }

    /** What it runs on, if the descriptor says so. */
    public Optional<Platform> runsOn() {
        return Optional.ofNullable(platform);
    }

    /** The descriptor as JSON in UTF-8. */
    public byte[] toJson() {
        return TreeText.of(this);
    }

    /**
     * Reads what {@link #toJson()} wrote, or anybody else.
     *
     * @throws Fault INVALID_ARGUMENT if it is not a descriptor
     */
    public static Descriptor fromJson(byte[] json) {
        return JsonText.read("descriptor", JsonText.JSONB.type(Descriptor.class), json, ImageTree.MAX_BYTES);
    }
}

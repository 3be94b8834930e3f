package dev.berth.oci;

import io.avaje.jsonb.Json;
import java.util.List;

/**
 * One image in an archive as {@code docker save} makes it.
 *
 * @param config the file of the archive that is its config
 * @param repoTags its names; none if it was saved by its id
 * @param layers the files that are its layers, lowest first
 * @see <a href="https://github.com/moby/docker-image-spec/blob/main/v1.2.md">Docker image spec 1.2</a>
 */
@Json
public record SavedImage(
        @Json.Property("Config") String config,
        @Json.Property("RepoTags") List<String> repoTags,
        @Json.Property("Layers") List<String> layers) {

    public SavedImage {
        config = Absent.text(config);
        repoTags = Absent.list(repoTags);
        layers = Absent.list(layers);
    }

    /**
     * Reads the file {@code manifest.json} of such an archive.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT if it is anything else
     */
    public static List<SavedImage> fromJson(byte[] json) {
        return Absent.list(JsonText.read(
                "manifest.json", JsonText.JSONB.type(SavedImage.class).list(), json, ImageTree.MAX_BYTES));
    }

    /** The file {@code manifest.json} in UTF-8. */
    public static byte[] toJson(List<SavedImage> images) {
        return JsonText.JSONB.type(SavedImage.class).list().toJsonBytes(images);
    }
}

package dev.berth.oci;

import dev.berth.kernel.Fault;
import io.avaje.jsonb.Json;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a registry answers when asked for an image: the manifest of one, or an index of several.
 *
 * <p>One set of bytes must mean one thing: a document that could be read both ways, or whose own media type differs from the
 * one it was sent with, is refused (CVE-2021-41190).
 */
public sealed interface ImageTree permits Manifest, Index {
    /** No manifest, index or image config may be larger: 4 MiB. */
    int MAX_BYTES = 4 << 20;

    /** Layers of a manifest, entries of an index. */
    int MAX_ENTRIES = 1024;

    /** What to do about an image that its maker got wrong. */
    String BUILD_AGAIN = "The image is broken; build and push it again";

    /** Of an image that its maker got wrong: INVALID_ARGUMENT. */
    static Fault broken(String what, String why) {
        return Fault.invalid(what, why, BUILD_AGAIN);
    }

    /** Of indexes that lead to more indexes than any image needs: INVALID_ARGUMENT. */
    static Fault tooDeep(String what) {
        return broken(what, "its indexes are nested too deep");
    }

    /** The media type that it was read as. */
    String mediaType();

    /** What it names: the entries of an index; of a manifest the config, then the layers. */
    default List<Descriptor> parts() {
        return switch (this) {
            case Index index -> index.manifests();
            case Manifest manifest ->
                Stream.concat(Stream.of(manifest.config()), manifest.layers().stream())
                        .toList();
        };
    }

    /**
     * Reads a manifest or an index.
     *
     * @param mediaType what the registry or the descriptor says that it is; empty if nobody says, then the document's own word counts
     * @throws Fault INVALID_ARGUMENT if it is neither, or both, or too large; UNIMPLEMENTED for Docker's schema 1
     */
    static ImageTree parse(String mediaType, byte[] json) {
        Probe probe = JsonText.read("image manifest", JsonText.JSONB.type(Probe.class), json, MAX_BYTES);
        String said = MediaTypes.bare(mediaType);
        String own = Absent.text(probe.mediaType);
        if (MediaTypes.isSchema1(said) || MediaTypes.isSchema1(own) || probe.schemaVersion == 1) {
            throw Fault.of(
                    Fault.Code.UNIMPLEMENTED,
                    "image manifest",
                    "it is in Docker's schema 1, which cannot be verified and is no longer supported",
                    "Push the image again with a current tool, as an OCI image");
        }
        if (probe.schemaVersion != 2) {
            throw bad("its schemaVersion is not 2");
        }
        if (!said.isEmpty() && !own.isEmpty() && !said.equals(own)) {
            throw bad("it was sent as " + said + " but calls itself " + own);
        }
        String type = said.isEmpty() ? own : said;
        boolean looksLikeIndex = probe.manifests != null;
        boolean looksLikeManifest = probe.config != null || probe.layers != null || probe.fsLayers != null;
        if (looksLikeIndex && looksLikeManifest) {
            throw bad("it is a manifest and an index at the same time");
        }
        if (type.isEmpty()) {
            type = looksLikeIndex ? MediaTypes.OCI_INDEX : MediaTypes.OCI_MANIFEST;
        }
        if (MediaTypes.isIndex(type) && !looksLikeManifest) {
            return Index.parse(type, json);
        }
        if (MediaTypes.isManifest(type) && !looksLikeIndex) {
            return Manifest.parse(type, json);
        }
        throw bad(
                MediaTypes.isIndex(type) || MediaTypes.isManifest(type)
                        ? "its content is not that of a " + type
                        : "its media type " + type + " is not that of an image");
    }

    private static Fault bad(String why) {
        return Fault.invalid("image manifest", why, "Check what the registry serves under this name");
    }

    /** The fields by which the kinds of documents are told apart; what is in them is looked at later. */
    @Json
    record Probe(
            int schemaVersion,
            @Nullable String mediaType,
            @Nullable Object config,
            @Nullable List<Object> layers,
            @Nullable List<Object> manifests,
            @Nullable Object fsLayers,
            @Nullable Map<String, String> annotations) {}
}

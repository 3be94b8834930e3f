package dev.berth.oci;

import java.util.Locale;
import java.util.Set;

/** The media types of images, OCI's and Docker's, and what they mean. */
public final class MediaTypes {
    public static final String OCI_INDEX = "application/vnd.oci.image.index.v1+json";
    public static final String OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
    public static final String OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
    public static final String OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
    public static final String OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
    public static final String OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";
    public static final String DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";
    public static final String DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
    public static final String DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
    public static final String DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";
    public static final String DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    private static final Set<String> SCHEMA_1 = Set.of(
            "application/vnd.docker.distribution.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v1+prettyjws");
    private static final String OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    private static final String DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar";

    /** How a layer's bytes are packed. */
    public enum Compression {
        NONE,
        GZIP,
        ZSTD
    }

    private MediaTypes() {}

    /** The type without parameters and surrounding blanks, in lower case: {@code Text/HTML; charset=utf-8} gives {@code text/html}. */
    public static String bare(String mediaType) {
        int semicolon = mediaType.indexOf(';');
        return (semicolon < 0 ? mediaType : mediaType.substring(0, semicolon))
                .strip()
                .toLowerCase(Locale.ROOT);
    }

    public static boolean isIndex(String mediaType) {
        return mediaType.equals(OCI_INDEX) || mediaType.equals(DOCKER_INDEX);
    }

    public static boolean isManifest(String mediaType) {
        return mediaType.equals(OCI_MANIFEST) || mediaType.equals(DOCKER_MANIFEST);
    }

    public static boolean isConfig(String mediaType) {
        return mediaType.equals(OCI_CONFIG) || mediaType.equals(DOCKER_CONFIG);
    }

    /** Docker's first manifest format, which nobody verifies and everybody has given up. */
    public static boolean isSchema1(String mediaType) {
        return SCHEMA_1.contains(mediaType);
    }

    /** A file system layer, of a kind that may be fetched from the registry. */
    public static boolean isLayer(String mediaType) {
        return mediaType.equals(DOCKER_LAYER)
                || mediaType.equals(DOCKER_LAYER_GZIP)
                || mediaType.equals(DOCKER_LAYER + ".zstd")
                || mediaType.equals(OCI_LAYER)
                || mediaType.equals(OCI_LAYER_GZIP)
                || mediaType.equals(OCI_LAYER_ZSTD);
    }

    /** A layer that its maker wants fetched from elsewhere; we never do. */
    public static boolean isForeignLayer(String mediaType) {
        return mediaType.startsWith(OCI_FOREIGN) || mediaType.startsWith(DOCKER_FOREIGN);
    }

    /** The packing that a layer's media type claims; the bytes themselves decide in the end. */
    public static Compression compressionOf(String mediaType) {
        if (mediaType.endsWith("+gzip") || mediaType.endsWith(".gzip")) {
            return Compression.GZIP;
        }
        return mediaType.endsWith("+zstd") || mediaType.endsWith(".zstd") ? Compression.ZSTD : Compression.NONE;
    }
}

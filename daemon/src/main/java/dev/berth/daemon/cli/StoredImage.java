package dev.berth.daemon.cli;

import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageConfig;
import dev.berth.oci.Manifest;
import dev.berth.oci.Platform;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * One name of an image, as the daemon has it.
 *
 * @param since when the name was given
 */
record StoredImage(String name, Descriptor target, Map<String, String> labels, Instant since) {
    private static final String PINNED = "io.cri-containerd.pinned";

    /**
     * An image for one platform whose documents are there.
     *
     * @param manifestAt where the manifest is
     * @param rawConfig the config's own text, with what we do not know of it
     */
    record Variant(Platform platform, Descriptor manifestAt, Manifest manifest, ImageConfig config, String rawConfig) {
        /** What the kubelet calls its id. */
        Digest id() {
            return manifest.config().digest();
        }

        /** All that it is made of: manifest, config, layers. */
        List<Descriptor> parts() {
            var parts = new ArrayList<Descriptor>();
            parts.add(manifestAt);
            parts.add(manifest.config());
            parts.addAll(manifest.layers());
            return parts;
        }
    }

    /** Whether the name only repeats a digest, as the CRI gives them beside the tags. */
    boolean isDigestOnly() {
        return name.contains("@") || name.startsWith("sha256:");
    }

    boolean isPinned() {
        return "pinned".equals(labels.get(PINNED));
    }
}

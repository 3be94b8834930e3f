package dev.berth.images;

import dev.berth.oci.Platform;
import java.util.Set;

/**
 * How images are handled.
 *
 * @param platform what listed images are looked at as
 * @param layersPerPull how many layers of one image are worked on at the same time
 * @param layersInAll the same for all pulls together, of which three quarters for those from one registry; each costs up to about
 *     3 MiB of memory while it is worked on
 * @param pinned full names of images that the kubelet must not remove
 * @param discard whether the packed layers that the CRI pulls are thrown away when they are unpacked
 * @param verification judges what is pulled
 */
public record ImageSettings(
        Platform platform,
        int layersPerPull,
        int layersInAll,
        Set<String> pinned,
        boolean discard,
        Verification verification) {
    public static final ImageSettings DEFAULT =
            new ImageSettings(Platform.host(), 4, 16, Set.of(), false, Verification.NONE);

    public ImageSettings with(Verification newVerification) {
        return new ImageSettings(platform, layersPerPull, layersInAll, pinned, discard, newVerification);
    }

    public ImageSettings discarding() {
        return discarding(true);
    }

    ImageSettings discarding(boolean packed) {
        return new ImageSettings(platform, layersPerPull, layersInAll, pinned, packed, verification);
    }
}

package dev.berth.images;

import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageConfig;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * An image under all its names.
 *
 * @param id the digest of its config
 * @param tags full names with a tag, sorted
 * @param digests full names with a digest, sorted
 * @param size bytes of its manifest, config and packed layers
 * @param target what the names point to: an index, or the manifest itself
 * @param snapshot the key of the topmost layer's snapshot, on which a container stands; empty if the image has no layers
 * @param pinned whether it must not be removed to make room
 */
public record Image(
        Digest id,
        List<String> tags,
        List<String> digests,
        long size,
        Descriptor target,
        ImageConfig config,
        String snapshot,
        boolean pinned) {

    /** The user that the image asks for, without its group: a number if it is one; empty if it is a name or not given. */
    public OptionalLong uid() {
        String user = user();
        return isNumber(user) ? OptionalLong.of(Long.parseLong(user)) : OptionalLong.empty();
    }

    /** The user that the image asks for, without its group, if it is not a number in range; empty if not given. */
    public String username() {
        return isNumber(user()) ? "" : user();
    }

    /** The name that people know it by, if it has one. */
    public Optional<String> name() {
        return tags.stream().findFirst().or(() -> digests.stream().findFirst());
    }

    private String user() {
        return config.config().user().split(":", 2)[0];
    }

    /** Numbers that no user can have are left to be names, which nobody has: they must never become 0. */
    private static boolean isNumber(String user) {
        return user.matches("[0-9]{1,10}") && Long.parseLong(user) <= Integer.MAX_VALUE;
    }
}

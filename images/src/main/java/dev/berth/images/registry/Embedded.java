package dev.berth.images.registry;

import dev.berth.oci.Descriptor;
import java.util.Base64;
import java.util.Optional;

/** The content that a descriptor brings along. What is not exactly the content that it names does not count. */
final class Embedded {
    private Embedded() {}

    static Optional<byte[]> bytes(Descriptor descriptor) {
        if (descriptor.data().isEmpty()) {
            return Optional.empty();
        }
        try {
            byte[] bytes = Base64.getDecoder().decode(descriptor.data());
            boolean right =
                    bytes.length == descriptor.size() && descriptor.digest().matches(bytes);
            return right ? Optional.of(bytes) : Optional.empty();
        } catch (IllegalArgumentException notBase64) {
            return Optional.empty();
        }
    }
}

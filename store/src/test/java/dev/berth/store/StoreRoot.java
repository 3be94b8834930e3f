package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.NioDisk;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;

/** What the tests of this room share: a namespace, a clock that stands still, content. */
final class StoreRoot {
    static final Namespace K8S = Namespace.KUBERNETES;
    static final Namespace OTHER = new Namespace("other");
    static final Instant NOW = Instant.parse("2026-03-01T10:20:30.123456789Z");
    static final InstantSource CLOCK = InstantSource.fixed(NOW);

    private StoreRoot() {}

    static Store open(Path root) {
        return open(root, new NioDisk());
    }

    static Store open(Path root, Disk disk) {
        return Store.open(root, disk, CLOCK);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static Digest digest(String text) {
        return Digest.of(bytes(text));
    }

    static Descriptor descriptor(String text) {
        return Descriptor.of("application/vnd.oci.image.manifest.v1+json", digest(text), text.length());
    }
}

package dev.berth.verify;

import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An image that is made for several platforms: the same programs, and a file that says which. */
final class ManyPlatforms {
    private ManyPlatforms() {}

    /** Has the registry serve it, and answers what to pull. */
    static String add(Berth berth, String name, List<Platform> platforms) throws IOException, InterruptedException {
        Map<Digest, byte[]> blobs = new LinkedHashMap<>();
        List<Descriptor> entries = new ArrayList<>();
        for (Platform platform : platforms) {
            var built = new ImageBuilder()
                    .platform(platform)
                    .layer(Busybox.layer().gzip())
                    .layer(new LayerBuilder()
                            .file("etc/platform", 0644, platform.toString())
                            .gzip())
                    .cmd("sh")
                    .build();
            blobs.putAll(built.blobs());
            Descriptor manifest = built.manifest();
            entries.add(new Descriptor(
                    manifest.mediaType(), manifest.digest(), manifest.size(), List.of(), Map.of(), "", platform, ""));
        }
        byte[] index = Index.of(MediaTypes.OCI_INDEX, entries).toJson();
        Descriptor target = Descriptor.of(MediaTypes.OCI_INDEX, Digest.of(index), index.length);
        blobs.put(target.digest(), index);
        for (Descriptor entry : entries) {
            berth.registry().add(name, "latest", new ImageBuilder.Built(target, entry, entry.digest(), blobs));
        }
        return berth.image(name);
    }
}

package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Namespace;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.ChainId;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageConfig;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.Manifest;
import dev.berth.oci.MediaTypes;
import dev.berth.store.Blob;
import dev.berth.store.Blobs;
import dev.berth.store.ImageRecord;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Images of known bytes that share layers, and whether the root directory of a daemon that does not run has them whole: every blob, and
 * every file of every layer.
 */
final class WholeImages {
    private static final Namespace K8S = Namespace.KUBERNETES;
    private static final int FILES = 24;

    private final List<String> names = new ArrayList<>();
    private final Map<Digest, Map<String, byte[]>> files = new HashMap<>(); // by the diff id of their layer

    /** Puts images into a registry: each has two layers of its own and two that others have too. */
    WholeImages(ServedRegistry registry, int count, int fileBytes) throws IOException {
        for (int i = 0; i < count; i++) {
            var image = new ImageBuilder().cmd("sh");
            for (int seed : new int[] {i % 2, 10 + i % 3, 100 + i, 200 + i}) {
                image.layer(layer(seed, fileBytes));
            }
            registry.add("whole" + i, "latest", image.build());
            names.add(registry.authority() + "/whole" + i + ":latest");
        }
    }

    private LayerBuilder.Layer layer(int seed, int fileBytes) throws IOException {
        var random = new Random(seed);
        var layer = new LayerBuilder();
        var content = new HashMap<String, byte[]>();
        for (int i = 0; i < FILES; i++) {
            byte[] bytes = new byte[random.nextInt(fileBytes)];
            random.nextBytes(bytes);
            String name = "layer" + seed + "/file" + i;
            if (i == 0) {
                layer.directory("layer" + seed, 0755);
            }
            layer.file(name, 0644, bytes);
            content.put(name, bytes);
        }
        LayerBuilder.Layer made = layer.gzip();
        files.put(made.diffId(), content);
        return made;
    }

    List<String> names() {
        return names;
    }

    /** What is left in a root directory. */
    record Left(Set<String> names, int blobs, int snapshots, int directories, int ingests, int leases) {}

    /**
     * Looks at everything that is listed, and fails if anything of it is not there or not as it was served.
     *
     * @param root of a daemon that does not run
     */
    Left check(Path root) throws IOException {
        try (Store store = Store.open(root, new LinuxDisk(), InstantSource.system())) {
            Set<String> listed = new HashSet<>();
            List<ImageRecord> records = store.metadata().read(r -> r.images().list(K8S));
            for (ImageRecord image : records) {
                if (image.name().contains("/whole")) {
                    isWhole(store, root, image);
                    if (!image.name().contains("@")) {
                        listed.add(image.name());
                    }
                }
            }
            List<SnapshotRecord> snapshots =
                    store.metadata().read(r -> r.snapshots().list(K8S, "overlayfs"));
            List<Blob> blobs = store.blobs().list();
            return new Left(
                    listed,
                    blobs.size(),
                    snapshots.size(),
                    directories(root),
                    store.blobs().ingests().size(),
                    store.metadata().read(r -> r.leases().list(K8S)).size());
        }
    }

    private static int directories(Path root) throws IOException {
        Path snapshots = root.resolve("snapshots");
        if (!Files.exists(snapshots)) {
            return 0; // the plug was pulled early
        }
        try (Stream<Path> all = Files.list(snapshots)) {
            return (int) all.count();
        }
    }

    private void isWhole(Store store, Path root, ImageRecord image) throws IOException {
        List<Descriptor> waiting = new ArrayList<>(List.of(image.target()));
        int layers = 0;
        while (!waiting.isEmpty()) {
            Descriptor next = waiting.removeLast();
            assertThat(store.metadata()
                            .<Boolean>read(
                                    r -> r.contents().find(K8S, next.digest()).isPresent()))
                    .as("record of " + next.digest() + " of " + image.name())
                    .isTrue();
            byte[] bytes = bytes(store.blobs(), next);
            if (MediaTypes.isIndex(next.mediaType()) || MediaTypes.isManifest(next.mediaType())) {
                switch (ImageTree.parse(next.mediaType(), bytes)) {
                    case Index index -> waiting.addAll(index.manifests());
                    case Manifest manifest -> {
                        waiting.add(manifest.config());
                        waiting.addAll(manifest.layers());
                        layers += manifest.layers().size();
                    }
                }
            } else if (MediaTypes.isConfig(next.mediaType())) {
                isUnpacked(store, root, ImageConfig.fromJson(bytes).rootfs().diffIds());
            }
        }
        assertThat(layers).as("layers of " + image.name()).isEqualTo(4);
    }

    /** Reads a blob as a whole; its digest is checked on the way. */
    private static byte[] bytes(Blobs blobs, Descriptor descriptor) {
        return blobs.read(descriptor.digest(), Math.toIntExact(descriptor.size()));
    }

    private void isUnpacked(Store store, Path root, List<Digest> diffIds) throws IOException {
        for (int i = 0; i < diffIds.size(); i++) {
            String chain = ChainId.of(diffIds.subList(0, i + 1)).toString();
            SnapshotRecord snapshot = store.metadata().read(r -> r.snapshots().get(K8S, "overlayfs", chain));
            Path fs = root.resolve("snapshots")
                    .resolve(Long.toString(snapshot.number()))
                    .resolve("fs");
            for (Map.Entry<String, byte[]> file :
                    files.getOrDefault(diffIds.get(i), Map.of()).entrySet()) {
                byte[] bytes = Files.readAllBytes(fs.resolve(file.getKey()));
                assertThat(Arrays.equals(bytes, file.getValue()))
                        .as(fs.resolve(file.getKey()) + " is as it was served")
                        .isTrue();
            }
        }
    }
}

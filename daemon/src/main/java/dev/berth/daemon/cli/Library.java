package dev.berth.daemon.cli;

import dev.berth.daemon.cli.StoredImage.Variant;
import dev.berth.kernel.Fault;
import dev.berth.oci.ChainId;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageConfig;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Index;
import dev.berth.oci.Manifest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;
import dev.berth.wire.containerd.content.ListContentRequest;
import dev.berth.wire.containerd.images.Image;
import dev.berth.wire.containerd.images.ListImagesRequest;
import dev.berth.wire.containerd.snapshots.StatSnapshotRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** The images of a namespace, read through the daemon. */
final class Library {
    private static final int SHORTEST_PREFIX = 6;
    private static final int DEEPEST = 4;

    private final DaemonClient daemon;
    private List<String> snapshotters = List.of(); // once asked for

    Library(DaemonClient daemon) {
        this.daemon = daemon;
    }

    /** All of them, by name. */
    List<StoredImage> all() {
        return daemon.images().list(ListImagesRequest.getDefaultInstance()).getImagesList().stream()
                .map(Library::stored)
                .sorted(Comparator.comparing(StoredImage::name))
                .toList();
    }

    private static StoredImage stored(Image image) {
        var target = image.getTarget();
        return new StoredImage(
                image.getName(),
                new Descriptor(
                        target.getMediaType(),
                        Digest.parse(target.getDigest()),
                        target.getSize(),
                        List.of(),
                        target.getAnnotationsMap(),
                        "",
                        null,
                        ""),
                image.getLabelsMap(),
                Instant.ofEpochSecond(
                        image.getCreatedAt().getSeconds(), image.getCreatedAt().getNanos()));
    }

    /**
     * What somebody means: by its name as it is, by its name in short form, or by the beginning of its digest or id.
     *
     * @throws Fault NOT_FOUND; INVALID_ARGUMENT if several images begin so
     */
    StoredImage find(String text) {
        return find(text, all());
    }

    StoredImage find(String text, List<StoredImage> all) {
        return byName(text, all).or(() -> byDigest(text, all)).orElseThrow(() -> missing(text, all));
    }

    static Optional<StoredImage> byName(String text, List<StoredImage> all) {
        String full = fullName(text);
        return all.stream()
                .filter(image -> image.name().equals(text))
                .findFirst()
                .or(() ->
                        all.stream().filter(image -> image.name().equals(full)).findFirst());
    }

    private Optional<StoredImage> byDigest(String text, List<StoredImage> all) {
        String hex = text.startsWith("sha256:") ? text.substring("sha256:".length()) : text;
        if (hex.length() < SHORTEST_PREFIX || !hex.matches("[0-9a-f]+")) {
            return Optional.empty();
        }
        List<StoredImage> found = all.stream()
                .filter(image -> image.target().digest().hex().startsWith(hex)
                        || variants(image).stream()
                                .anyMatch(it -> it.id().hex().startsWith(hex)
                                        || it.manifestAt().digest().hex().startsWith(hex)))
                .sorted(Comparator.comparing(StoredImage::isDigestOnly))
                .toList();
        if (found.stream().map(StoredImage::target).distinct().count() > 1) {
            throw Fault.invalid("image " + text, "the digests of several images begin so", "Give more of it");
        }
        return found.stream().findFirst();
    }

    private static String fullName(String text) {
        try {
            return Reference.parse(text).toString();
        } catch (Fault notAName) {
            return text;
        }
    }

    private static Fault missing(String text, List<StoredImage> all) {
        List<String> names = all.stream().map(StoredImage::name).toList();
        return Fault.notFound(
                "image " + text,
                "there is none of this name, digest or id",
                Suggestion.nearest(fullName(text), names)
                        .map(near -> "Did you mean " + near + "?")
                        .orElse("See berth image ls"));
    }

    /** The sizes of all content that the namespace has. */
    Map<Digest, Long> sizes() {
        var sizes = new HashMap<Digest, Long>();
        daemon.content()
                .list(ListContentRequest.getDefaultInstance())
                .forEachRemaining(answer -> answer.getInfoList()
                        .forEach(info -> sizes.put(Digest.parse(info.getDigest()), info.getSize())));
        return sizes;
    }

    /** The images behind a name whose manifests and configs are there and whole. */
    List<Variant> variants(StoredImage image) {
        var found = new ArrayList<Variant>();
        collect(image.target(), 0, found);
        return found;
    }

    /** Whether it can be run, even if its packed layers were thrown away after that. */
    boolean isUnpacked(Variant variant) {
        if (snapshotters.isEmpty()) {
            snapshotters = daemon.snapshotters();
        }
        List<Digest> layers = variant.config().rootfs().diffIds();
        return !layers.isEmpty()
                && snapshotters.stream()
                        .anyMatch(it -> hasSnapshot(it, ChainId.of(layers).toString()));
    }

    private boolean hasSnapshot(String snapshotter, String key) {
        try {
            daemon.snapshots()
                    .stat(StatSnapshotRequest.newBuilder()
                            .setSnapshotter(snapshotter)
                            .setKey(key)
                            .build());
            return true;
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() == Status.Code.NOT_FOUND) {
                return false;
            }
            throw e;
        }
    }

    private void collect(Descriptor at, int depth, List<Variant> found) {
        if (depth > DEEPEST) {
            return;
        }
        Optional<ImageTree> tree = tree(at);
        if (tree.isEmpty()) {
            return;
        }
        switch (tree.get()) {
            case Index index -> index.manifests().forEach(entry -> collect(entry, depth + 1, found));
            case Manifest manifest -> variant(at, manifest).ifPresent(found::add);
        }
    }

    /** What a descriptor points to, if it is a manifest or an index and there. */
    Optional<ImageTree> tree(Descriptor at) {
        if (!MediaTypes.isManifest(at.mediaType()) && !MediaTypes.isIndex(at.mediaType())) {
            return Optional.empty();
        }
        return document(at).map(json -> ImageTree.parse(at.mediaType(), json));
    }

    private Optional<Variant> variant(Descriptor at, Manifest manifest) {
        if (!MediaTypes.isConfig(manifest.config().mediaType())) {
            return Optional.empty();
        }
        return document(manifest.config()).flatMap(json -> {
            ImageConfig config = ImageConfig.fromJson(json);
            Platform platform = at.runsOn().orElseGet(config::platform);
            return platform.os().equals("unknown")
                    ? Optional.empty()
                    : Optional.of(
                            new Variant(platform, at, manifest, config, new String(json, StandardCharsets.UTF_8)));
        });
    }

    /**
     * The one that fits best.
     *
     * @throws Fault NOT_FOUND if none runs on the platform
     */
    Variant variant(StoredImage image, Platform platform) {
        Variant best = null;
        int smallest = Integer.MAX_VALUE;
        List<Variant> variants = variants(image);
        for (Variant variant : variants) {
            OptionalInt distance = platform.distanceTo(variant.platform());
            if (distance.isPresent() && distance.getAsInt() < smallest) {
                best = variant;
                smallest = distance.getAsInt();
            }
        }
        if (best == null) {
            throw Fault.notFound(
                    "image " + image.name(),
                    "nothing of it is here for " + platform + ", only for "
                            + variants.stream().map(Variant::platform).toList(),
                    "Pull it with --platform " + platform);
        }
        return best;
    }

    /** The bytes of a small document; empty if it is not there. */
    private Optional<byte[]> document(Descriptor at) {
        if (at.size() > ImageTree.MAX_BYTES) {
            throw Fault.invalid("content " + at.digest(), "it is too large for a document of an image", "");
        }
        try (BlobStream bytes = BlobStream.open(daemon, at.digest())) {
            var document = new ByteArrayOutputStream();
            bytes.transferTo(document);
            return Optional.of(document.toByteArray());
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() == Status.Code.NOT_FOUND) {
                return Optional.empty();
            }
            throw e;
        } catch (IOException e) {
            throw Fault.unavailable("read " + at.digest(), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }
}

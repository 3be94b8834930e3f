package dev.berth.images;

import dev.berth.images.registry.Document;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.ImageTree;
import dev.berth.oci.Reference;
import dev.berth.store.Blobs;
import dev.berth.store.Event;
import dev.berth.store.ImageRecord;
import dev.berth.store.Store;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The images as the records and blobs have them. What a digest stands for never changes, so it is read once; the list of a
 * namespace is read again after a change of images, or when content has come.
 */
final class Catalogue {
    private static final Logger LOG = LoggerFactory.getLogger(Catalogue.class);
    private static final String PINNED_LABEL = "io.cri-containerd.pinned";
    private static final int SHORTEST_PREFIX = 6;

    /**
     * A list that was read.
     *
     * @param changes how many changes of images and content there had been before
     */
    private record Listed(long changes, List<Image> images) {}

    private final Store store;
    private final ImageSettings settings;
    private final AtomicLong changes = new AtomicLong();
    private final Map<Namespace, Listed> lists = new ConcurrentHashMap<>();
    private final Map<Digest, ImageParts> read = new ConcurrentHashMap<>();
    private final Set<Digest> unlisted = ConcurrentHashMap.newKeySet(); // for good, and told already

    Catalogue(Store store, ImageSettings settings) {
        this.store = store;
        this.settings = settings;
        store.metadata().listen(this::note);
    }

    private void note(List<Event> events) {
        for (Event event : events) {
            if (event instanceof Event.ImageCreated
                    || event instanceof Event.ContentCreated // an image that was not whole may be so now
                    || event instanceof Event.ImageUpdated
                    || event instanceof Event.ImageDeleted) {
                changes.incrementAndGet();
            }
        }
    }

    /** All images of a namespace, each once, under all their names. */
    List<Image> list(Namespace namespace) {
        long before = changes.get(); // read before the records: what changes meanwhile makes this list an old one
        Listed known = lists.get(namespace);
        if (known != null && known.changes() == before) {
            return known.images();
        }
        List<ImageRecord> records = store.metadata().read(all -> all.images().list(namespace));
        List<Image> images = group(records);
        boolean settled = records.stream()
                .map(record -> record.target().digest())
                .allMatch(target -> read.containsKey(target) || unlisted.contains(target));
        if (settled) { // what could not be read now may be readable without any change
            lists.put(namespace, new Listed(before, images));
        }
        return images;
    }

    /**
     * Finds an image by its id, the beginning of its id, or one of its names in full or short form.
     *
     * @throws Fault INVALID_ARGUMENT if it is the beginning of several ids
     */
    Optional<Image> find(Namespace namespace, String text) {
        List<Image> all = list(namespace);
        String hex = text.startsWith("sha256:") ? text.substring("sha256:".length()) : text;
        Optional<Image> byId =
                all.stream().filter(it -> it.id().hex().equals(hex)).findFirst();
        if (byId.isPresent()) {
            return byId;
        }
        Optional<Image> byName = name(text)
                .flatMap(name -> all.stream()
                        .filter(it -> it.tags().contains(name) || it.digests().contains(name))
                        .findFirst());
        if (byName.isPresent() || hex.length() < SHORTEST_PREFIX || !hex.matches("[0-9a-f]+")) {
            return byName;
        }
        List<Image> byPrefix =
                all.stream().filter(it -> it.id().hex().startsWith(hex)).toList();
        if (byPrefix.size() > 1) {
            throw Fault.invalid("image " + text, "several image ids begin so", "Give more of the id");
        }
        return byPrefix.stream().findFirst();
    }

    /** The names that lead to an image, as they are in the records. */
    List<ImageRecord> names(Namespace namespace, Digest id) {
        List<ImageRecord> records = store.metadata().read(all -> all.images().list(namespace));
        return records.stream()
                .filter(record -> parts(record.target())
                        .map(it -> it.config().digest().equals(id))
                        .orElse(false))
                .toList();
    }

    /** Forgets what no record points to any more. */
    void retain(Set<Digest> targets) {
        read.keySet().retainAll(targets);
        unlisted.retainAll(targets);
    }

    private static Optional<String> name(String text) {
        try {
            return Optional.of(Reference.parse(text).toString());
        } catch (Fault notAName) {
            return Optional.empty();
        }
    }

    private List<Image> group(Collection<ImageRecord> records) {
        Map<Digest, List<ImageRecord>> byId = new LinkedHashMap<>();
        for (ImageRecord record : records) {
            parts(record.target())
                    .ifPresent(it -> byId.computeIfAbsent(it.config().digest(), id -> new ArrayList<>())
                            .add(record));
        }
        return byId.values().stream().map(this::image).toList();
    }

    private Image image(List<ImageRecord> records) {
        Descriptor target = records.getFirst().target();
        ImageParts parts = parts(target).orElseThrow();
        List<String> tags = new ArrayList<>();
        Set<String> digests = new TreeSet<>();
        boolean pinned = false;
        for (ImageRecord record : records) {
            if (record.name().contains("@")) {
                digests.add(record.name());
            } else {
                tags.add(record.name());
                withDigest(record).ifPresent(digests::add);
            }
            pinned |= settings.pinned().contains(record.name())
                    || "pinned".equals(record.labels().get(PINNED_LABEL));
        }
        return new Image(
                parts.config().digest(),
                List.copyOf(tags),
                List.copyOf(digests),
                parts.size(),
                target,
                parts.content(),
                parts.snapshot(),
                pinned);
    }

    /** An image that other clients than the CRI brought has no record of its repository with the digest. */
    private static Optional<String> withDigest(ImageRecord record) {
        try {
            Reference name = Reference.parse(record.name());
            return name.toString().equals(record.name())
                    ? Optional.of(name.withDigest(record.target().digest()).toString())
                    : Optional.empty();
        } catch (Fault notAReference) {
            return Optional.empty();
        }
    }

    /** What a record's target is made of; empty, with a word in the log, if its documents are not there or not whole. */
    Optional<ImageParts> parts(Descriptor target) {
        ImageParts known = read.get(target.digest());
        if (known != null) {
            return Optional.of(known);
        }
        try {
            FromStore source = new FromStore();
            ImageParts parts = ImageParts.of(source.document(target), settings.platform(), source);
            read.put(target.digest(), parts);
            unlisted.remove(target.digest());
            return Optional.of(parts);
        } catch (Fault e) {
            if (!isForGood(e) || unlisted.add(target.digest())) {
                LOG.warn("image {} is not listed: {}", target.digest(), e.getMessage());
            }
            return Optional.empty();
        }
    }

    /** Until other content comes. */
    private static boolean isForGood(Fault e) {
        return switch (e.code()) {
            case NOT_FOUND, INVALID_ARGUMENT, UNIMPLEMENTED -> true;
            default -> false;
        };
    }

    private final class FromStore implements ImageParts.Source {
        private final Blobs blobs = store.blobs();

        @Override
        public Document document(Descriptor descriptor) {
            return new Document(descriptor, blobs.read(descriptor.digest(), ImageTree.MAX_BYTES));
        }

        @Override
        public byte[] config(Descriptor descriptor) {
            return blobs.read(descriptor.digest(), ImageTree.MAX_BYTES);
        }
    }
}

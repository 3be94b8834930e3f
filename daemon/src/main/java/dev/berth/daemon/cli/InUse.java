package dev.berth.daemon.cli;

import dev.berth.daemon.cli.StoredImage.Variant;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.oci.Digest;
import dev.berth.wire.containerd.containers.Container;
import dev.berth.wire.containerd.containers.ListContainersRequest;
import dev.berth.wire.cri.ListImagesRequest;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which images containers of a namespace stand on, by containerd's records and, where Kubernetes lives, by the CRI's.
 *
 * @param users of targets: the container that uses each
 * @param pinned targets that must stay
 */
record InUse(Map<Digest, String> users, Set<Digest> pinned) {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    static InUse of(Session session, List<StoredImage> images) {
        Map<String, String> words = new HashMap<>(); // what containers call their images, and who does
        for (Container container : session.daemon()
                .containers()
                .list(ListContainersRequest.getDefaultInstance())
                .getContainersList()) {
            words.put(container.getImage(), container.getId());
        }
        Set<String> pinnedIds = new HashSet<>();
        if (session.namespace().equals(Namespace.KUBERNETES)) {
            askCri(session, words, pinnedIds);
        }
        words.remove("");
        var users = new HashMap<Digest, String>();
        var pinned = new HashSet<Digest>();
        for (StoredImage image : images) {
            Digest target = image.target().digest();
            List<String> ids = ids(session.library(), image);
            if (image.isPinned() || ids.stream().anyMatch(pinnedIds::contains)) {
                pinned.add(target);
            }
            if (words.containsKey(image.name())) {
                users.put(target, words.get(image.name()));
            }
            ids.stream().filter(words::containsKey).forEach(id -> users.put(target, words.get(id)));
        }
        words.forEach((word, container) -> Library.byName(word, images)
                .ifPresent(image -> users.put(image.target().digest(), container)));
        return new InUse(users, pinned);
    }

    private static void askCri(Session session, Map<String, String> words, Set<String> pinnedIds) {
        try (CriClient cri = CriClient.open(session.socket())) {
            var request = dev.berth.wire.cri.ListContainersRequest.getDefaultInstance();
            cri.runtime(LIMIT).listContainers(request).getContainersList().forEach(container -> {
                words.put(container.getImage().getImage(), container.getId());
                words.put(container.getImageRef(), container.getId());
                words.put(container.getImageId(), container.getId());
            });
            cri.images(LIMIT).listImages(ListImagesRequest.getDefaultInstance()).getImagesList().stream()
                    .filter(image -> image.getPinned())
                    .forEach(image -> pinnedIds.add(image.getId()));
        }
    }

    /** The digests by which containers may know an image; of a damaged one, only that of its record. */
    private static List<String> ids(Library library, StoredImage image) {
        var ids = new HashSet<String>();
        ids.add(image.target().digest().toString());
        try {
            for (Variant variant : library.variants(image)) {
                ids.add(variant.id().toString());
                ids.add(variant.manifestAt().digest().toString());
            }
        } catch (Fault damaged) {
            // nobody can have made a container of it since
        }
        return List.copyOf(ids);
    }
}

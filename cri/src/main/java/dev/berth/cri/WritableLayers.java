package dev.berth.cri;

import dev.berth.cri.config.IdMapping;
import dev.berth.cri.spec.HandlerRules;
import dev.berth.cri.spec.UserIds;
import dev.berth.images.Image;
import dev.berth.images.Images;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.snapshots.MountPoint;
import dev.berth.snapshots.MountedTree;
import dev.berth.snapshots.Snapshotter;
import dev.berth.snapshots.Snapshotters;
import dev.berth.store.GcLabel;
import dev.berth.store.SnapshotRecord;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The layers that containers write to, each on top of its image. */
final class WritableLayers {
    private static final Namespace SPACE = Namespace.KUBERNETES;
    /** Label of a container's writable layer: the pod that it belongs to. */
    static final String OWNER = "dev.berth/pod";

    private final Images images;
    private final Snapshotters snapshots;
    private final Function<String, HandlerRules> rules;

    /** @param rules of a handler, by its name */
    WritableLayers(Images images, Snapshotters snapshots, Function<String, HandlerRules> rules) {
        this.images = images;
        this.snapshots = snapshots;
        this.rules = rules;
    }

    /** Makes one. An image that the snapshotter lacks, because it came for another one or without being unpacked, is unpacked now. */
    List<MountPoint> make(String id, Pod pod, Image image) throws InterruptedException {
        Snapshotter snapshotter = of(pod);
        try {
            return snapshotter.prepare(SPACE, id, image.snapshot(), labels(pod));
        } catch (Fault e) {
            if (e.code() != Fault.Code.NOT_FOUND) {
                throw e;
            }
            images.unpack(SPACE, image, snapshotter.name());
            return snapshotter.prepare(SPACE, id, image.snapshot(), labels(pod));
        }
    }

    private static Map<String, String> labels(Pod pod) {
        Map<String, String> labels = new HashMap<>(Map.of(OWNER, pod.id(), GcLabel.ROOT, "true"));
        UserIds.of(pod.config().namespaces()).ifPresent(ids -> {
            labels.put(Snapshotter.USERS, text(ids.uids()));
            labels.put(Snapshotter.GROUPS, text(ids.gids()));
        });
        return labels;
    }

    private static String text(List<IdMapping> ranges) {
        return ranges.stream()
                .map(range -> range.containerId() + ":" + range.hostId() + ":" + range.length())
                .collect(Collectors.joining(","));
    }

    /** What there is to see of an image, once there is a layer on top of it. */
    static List<MountPoint> look(String id, Image image, Snapshotter snapshotter) {
        return image.snapshot().isEmpty()
                ? snapshotter.mounts(SPACE, id)
                : snapshotter.contents(SPACE, image.snapshot());
    }

    /** The root of a container. */
    List<MountPoint> root(Container container) {
        return of(container).mounts(SPACE, container.snapshot());
    }

    /** The directory with a container's own files, for statistics. */
    Path path(Container container) {
        return of(container).writablePath(SPACE, container.snapshot());
    }

    SnapshotRecord.Usage usage(Container container) {
        return of(container).usage(SPACE, container.snapshot());
    }

    /** Writes down, as a layer, what a container has made of its root. It should stand still. */
    void difference(Container container, OutputStream out) {
        Snapshotter snapshotter = of(container);
        String image = snapshotter.stat(SPACE, container.snapshot()).parent();
        MountedTree.difference(
                image.isEmpty() ? List.of() : snapshotter.contents(SPACE, image), root(container), out, null);
    }

    /** Makes of the root of a container that has not been run what {@link #difference} has written down. */
    void apply(String id, Snapshotter snapshotter, InputStream difference) {
        MountedTree.apply(snapshotter.mounts(SPACE, id), difference);
    }

    /** On which the containers of a pod stand that are made now. */
    Snapshotter of(Pod pod) {
        return named(rules.apply(pod.handler()).snapshotter());
    }

    /** On which a container stands. */
    Snapshotter of(Container container) {
        return named(container.snapshotter());
    }

    private Snapshotter named(String name) {
        return name.isEmpty()
                ? snapshots.main()
                : snapshots
                        .find(name)
                        .orElseThrow(() -> Fault.precondition(
                                "use the snapshotter " + name,
                                "this daemon has none of that name",
                                "Let images.snapshotter or a handler's snapshotter name it again"));
    }

    /** Removes one, on whichever it stands. May be repeated. */
    void remove(String id) {
        snapshots.all().stream()
                .filter(snapshotter -> snapshotter.exists(SPACE, id))
                .forEach(snapshotter -> remove(id, snapshotter));
    }

    private static void remove(String id, Snapshotter snapshotter) {
        try {
            snapshotter.remove(SPACE, id);
        } catch (Fault e) {
            if (e.code() != Fault.Code.NOT_FOUND) {
                throw e;
            }
        }
    }
}

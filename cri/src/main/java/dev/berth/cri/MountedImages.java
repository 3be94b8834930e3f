package dev.berth.cri;

import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.ContainerConfig.VolumeMount;
import dev.berth.cri.spec.ImageTree;
import dev.berth.images.Image;
import dev.berth.images.Images;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.snapshots.Snapshotter;
import dev.berth.store.GcLabel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The images that a container mounts as volumes.
 *
 * @param trees by the path in the container
 * @param ids of those images, by the same path
 * @param held keys of the snapshots that must stay as long as the container
 */
record MountedImages(Map<String, ImageTree> trees, Map<String, String> ids, List<String> held) {
    private static final Namespace SPACE = Namespace.KUBERNETES;

    /** @throws Fault NOT_FOUND if an image is not on this node, or does not have the part that is asked for */
    static MountedImages of(ContainerConfig config, Images images, Snapshotter snapshots) throws InterruptedException {
        var trees = new HashMap<String, ImageTree>();
        var ids = new HashMap<String, String>();
        var held = new ArrayList<String>();
        for (VolumeMount mount : config.mounts()) {
            if (mount.image() != null) {
                Image image = find(mount.image().image(), images);
                images.unpack(SPACE, image, snapshots.name());
                try (RootView root = RootView.open(snapshots.contents(SPACE, image.snapshot()))) {
                    trees.put(
                            mount.containerPath(),
                            new ImageTree(root.layers()).below(root.root(), mount.imageSubPath()));
                }
                ids.put(mount.containerPath(), image.id().toString());
                held.add(image.snapshot());
            }
        }
        return new MountedImages(trees, ids, held);
    }

    private static Image find(String name, Images images) {
        Image image = images.find(SPACE, name)
                .orElseThrow(() -> Fault.notFound(
                        "mount image \"" + name + "\" as a volume", "it is not on this node", "Pull it first"));
        if (image.snapshot().isEmpty()) {
            throw Fault.precondition(
                    "mount image \"" + name + "\" as a volume", "it has no layers", "Use one that has files");
        }
        return image;
    }

    /** Labels by which the container's record keeps the layers. */
    Map<String, String> labels(String snapshotter) {
        var labels = new HashMap<String, String>();
        for (String key : held) {
            labels.put(GcLabel.snapshot(snapshotter) + "/image-" + labels.size(), key);
        }
        return labels;
    }

    /** To be called when the record with the labels is there: what a removal of the image took before is missing now. */
    void requireThere(Snapshotter snapshots) {
        for (String key : held) {
            if (!snapshots.exists(SPACE, key)) {
                throw Fault.notFound(
                        "mount an image as a volume", "it was removed from this node meanwhile", "Pull it again");
            }
        }
    }
}

package dev.berth.daemon.cli;

import dev.berth.daemon.cli.StoredImage.Variant;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.Mounts;
import dev.berth.oci.ChainId;
import dev.berth.oci.Digest;
import dev.berth.oci.Platform;
import dev.berth.wire.containerd.snapshots.PrepareSnapshotRequest;
import dev.berth.wire.containerd.snapshots.RemoveSnapshotRequest;
import dev.berth.wire.containerd.snapshots.StatSnapshotRequest;
import dev.berth.wire.containerd.snapshots.ViewSnapshotRequest;
import dev.berth.wire.shim.types.Mount;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * {@code berth image mount}: the files of an image in a directory of the host. The snapshot behind it has the directory's name, as ctr
 * has it, and stays until it is unmounted.
 *
 * @param writable whether changes are possible; they are gone with the mount
 */
record Mounting(String image, Path directory, Platform platform, boolean writable) implements Session.Action {
    private static final String ROOT = "containerd.io/gc.root";

    static Session.Action parse(Arguments arguments) {
        boolean writable = arguments.flag("--rw");
        Platform platform = Optional.ofNullable(arguments.value("--platform"))
                .map(Platform::parse)
                .orElseGet(Platform::host);
        List<String> words = arguments.words("IMAGE DIR", 2, 2);
        return new Mounting(words.get(0), Path.of(words.get(1)), platform, writable);
    }

    /** {@code berth image unmount}. */
    static Session.Action parseUnmount(Arguments arguments) {
        Path directory = Path.of(arguments.words("DIR", 1, 1).getFirst());
        return session -> unmount(session, directory);
    }

    @Override
    public int run(Session session) throws IOException, InterruptedException {
        if (!Files.isDirectory(directory)) {
            throw Fault.precondition("mount " + image, directory + " is no directory", "Make it first");
        }
        Path target = directory.toRealPath();
        Variant variant = session.library().variant(session.library().find(image), platform);
        String snapshotter = session.daemon().snapshotter();
        List<Digest> diffIds = variant.config().rootfs().diffIds();
        String parent = diffIds.isEmpty() ? "" : ChainId.of(diffIds).toString();
        checkUnpacked(session.daemon(), snapshotter, parent);
        try (var undo = new Rollback()) {
            List<Mount> mounts = snapshot(session, snapshotter, target.toString(), parent);
            undo.add("snapshot " + target, () -> remove(session.daemon(), snapshotter, target.toString()));
            dev.berth.linux.Platform.<Boolean, IOException>thread("mount", () -> mount(mounts, target));
            undo.commit();
        }
        session.terminal().say(target.toString());
        return 0;
    }

    private void checkUnpacked(DaemonClient daemon, String snapshotter, String parent) {
        try {
            if (!parent.isEmpty()) {
                daemon.snapshots()
                        .stat(StatSnapshotRequest.newBuilder()
                                .setSnapshotter(snapshotter)
                                .setKey(parent)
                                .build());
            }
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() != Status.Code.NOT_FOUND) {
                throw e;
            }
            throw Fault.precondition(
                            "mount " + image,
                            "its layers for " + platform + " are not unpacked",
                            "Pull it with --platform " + platform)
                    .causedBy(e);
        }
    }

    private List<Mount> snapshot(Session session, String snapshotter, String key, String parent) {
        Map<String, String> labels = Map.of(ROOT, session.clock().instant().toString());
        try {
            return writable
                    ? session.daemon()
                            .snapshots()
                            .prepare(PrepareSnapshotRequest.newBuilder()
                                    .setSnapshotter(snapshotter)
                                    .setKey(key)
                                    .setParent(parent)
                                    .putAllLabels(labels)
                                    .build())
                            .getMountsList()
                    : session.daemon()
                            .snapshots()
                            .view(ViewSnapshotRequest.newBuilder()
                                    .setSnapshotter(snapshotter)
                                    .setKey(key)
                                    .setParent(parent)
                                    .putAllLabels(labels)
                                    .build())
                            .getMountsList();
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() != Status.Code.ALREADY_EXISTS) {
                throw e;
            }
            throw Fault.alreadyExists(
                            "mount " + image,
                            "an image is mounted on " + key + " already",
                            "Run `berth image unmount " + key + "` first")
                    .causedBy(e);
        }
    }

    private static boolean mount(List<Mount> mounts, Path target) throws IOException, InterruptedException {
        for (Mount mount : mounts) {
            try (DetachedMount made = Mounts.fromOptions(mount.getType(), mount.getSource(), mount.getOptionsList())) {
                made.moveTo(target);
            }
        }
        return true;
    }

    private static int unmount(Session session, Path directory) throws IOException, InterruptedException {
        Path target = Files.exists(directory)
                ? directory.toRealPath()
                : directory.toAbsolutePath().normalize();
        String snapshotter = session.daemon().snapshotter();
        try {
            session.daemon()
                    .snapshots()
                    .stat(StatSnapshotRequest.newBuilder()
                            .setSnapshotter(snapshotter)
                            .setKey(target.toString())
                            .build());
        } catch (StatusRuntimeException e) {
            if (e.getStatus().getCode() != Status.Code.NOT_FOUND) {
                throw e;
            }
            throw Fault.notFound(
                            "unmount " + target,
                            "no image is mounted there",
                            "For another kind of mount, use umount; for another --namespace, name it")
                    .causedBy(e);
        }
        dev.berth.linux.Platform.<Boolean, IOException>thread("unmount", () -> Mounts.unmountAll(target));
        remove(session.daemon(), snapshotter, target.toString());
        session.terminal().say(target.toString());
        return 0;
    }

    private static void remove(DaemonClient daemon, String snapshotter, String key) {
        var _ = daemon.snapshots()
                .remove(RemoveSnapshotRequest.newBuilder()
                        .setSnapshotter(snapshotter)
                        .setKey(key)
                        .build());
    }
}

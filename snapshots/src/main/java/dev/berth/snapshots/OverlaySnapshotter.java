package dev.berth.snapshots;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.linux.Dir;
import dev.berth.store.Metadata;
import dev.berth.store.SnapshotRecord;
import dev.berth.store.SnapshotRecord.Kind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** Snapshots as directories that the kernel's overlay file system puts on top of each other. */
public final class OverlaySnapshotter extends DirectorySnapshotter {
    /**
     * A label for {@link Snapshotter#prepare}: with the value {@code true} the overlay is mounted {@code volatile}. Its
     * unmounting then does not flush the disk; in return the snapshot is of no use after a crash of the machine, and {@link
     * #mounts} refuses it then. For containers that are never started again after that.
     */
    public static final String VOLATILE = "dev.berth/snapshot.volatile";

    /** More layers than the kernel stacks, one of them being the container's own. */
    private static final int MAX_LAYERS = 500;

    private static final byte[] BOOT = "trusted.berth.boot".getBytes(StandardCharsets.US_ASCII);

    /** @param directory for these snapshots alone; made if there is none */
    public OverlaySnapshotter(Path directory, Metadata metadata, Disk disk) {
        super("overlayfs", directory, metadata, disk);
    }

    @Override
    void fill(SnapshotRecord snapshot, List<SnapshotRecord> parents) throws IOException {
        if (parents.size() > MAX_LAYERS) {
            throw Fault.precondition(
                    "make snapshot " + snapshot.key(),
                    "it would have " + parents.size() + " layers, the kernel stacks " + MAX_LAYERS,
                    "Build the image with fewer layers");
        }
        if (snapshot.kind() == Kind.VIEW && !parents.isEmpty()) {
            return; // its parents are all that is seen
        }
        long number = snapshot.number();
        files.make(number, true);
        if (!parents.isEmpty()) {
            try (Dir below = files.open(parents.getFirst().number());
                    Dir own = files.open(number)) {
                FileMeta.of(below).apply(own); // the topmost directory speaks for the root of an overlay
                IdMap ids = IdMap.of(snapshot);
                if (!ids.isEmpty()) {
                    own.chown(ids.user(own.stat().uid()), ids.group(own.stat().gid()));
                }
            }
        }
        if (isVolatile(snapshot)) {
            try (Dir work = Dir.open(files.work(number))) {
                work.setXattr(BOOT, bootId());
            }
        }
    }

    @Override
    List<MountPoint> mounts(SnapshotRecord snapshot, List<SnapshotRecord> parents) throws IOException {
        boolean writable = snapshot.kind() == Kind.ACTIVE;
        if (parents.isEmpty()) {
            return bind(snapshot.number(), writable, IdMap.of(snapshot));
        }
        if (!writable && parents.size() == 1) {
            return bind(parents.getFirst().number(), false, IdMap.of(snapshot));
        }
        List<String> options = new ArrayList<>();
        if (writable) {
            options.add("workdir=" + files.work(snapshot.number()));
            options.add("upperdir=" + files.fs(snapshot.number()));
        }
        options.add("lowerdir="
                + parents.stream()
                        .map(parent -> escaped(files.fs(parent.number())))
                        .collect(Collectors.joining(":")));
        options.add("index=off");
        if (isVolatile(snapshot)) {
            readyAgain(snapshot);
            options.add("volatile");
        }
        options.addAll(IdMap.of(snapshot).options());
        return List.of(new MountPoint("overlay", "overlay", "", options));
    }

    private List<MountPoint> bind(long number, boolean writable, IdMap ids) {
        List<String> options = ids.with(List.of(writable ? "rw" : "ro", "rbind"));
        return List.of(new MountPoint("bind", files.fs(number).toString(), "", options));
    }

    private static String escaped(Path path) {
        return path.toString().replace("\\", "\\\\").replace(":", "\\:");
    }

    private static boolean isVolatile(SnapshotRecord snapshot) {
        return snapshot.kind() == Kind.ACTIVE && "true".equals(snapshot.labels().get(VOLATILE));
    }

    /**
     * The kernel leaves a mark in the work directory of a volatile overlay, and refuses to mount it again: it can't know
     * whether the machine crashed in between. We can.
     */
    private void readyAgain(SnapshotRecord snapshot) throws IOException {
        Path mark = files.work(snapshot.number()).resolve("work/incompat");
        if (!Files.exists(mark)) {
            return;
        }
        try (Dir work = Dir.open(files.work(snapshot.number()))) {
            if (!Arrays.equals(work.xattr(BOOT), bootId())) {
                throw Fault.of(
                        Fault.Code.DATA_LOSS,
                        "mount snapshot " + snapshot.key(),
                        "it was in use, without being flushed, when the machine went down",
                        "Remove the container and make it anew");
            }
            try (Dir inner = work.openDir("work".getBytes(StandardCharsets.US_ASCII), Dir.Resolve.NO_LINKS)) {
                inner.removeTree("incompat".getBytes(StandardCharsets.US_ASCII));
            }
        }
    }

    private static byte[] bootId() throws IOException {
        return Files.readString(Path.of("/proc/sys/kernel/random/boot_id"))
                .strip()
                .getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    void settle(SnapshotRecord snapshot) throws IOException {
        files.removeWork(snapshot.number());
    }

    @Override
    public LayerChain layers(Namespace namespace, String base) {
        return new OverlayLayers(this, namespace, base);
    }
}

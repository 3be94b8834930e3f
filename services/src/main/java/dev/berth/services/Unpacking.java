package dev.berth.services;

import dev.berth.images.PullRequest;
import dev.berth.kernel.Fault;
import dev.berth.snapshots.Snapshotters;
import dev.berth.wire.containerd.transfertypes.ImageStore;
import dev.berth.wire.containerd.transfertypes.UnpackConfiguration;
import java.util.List;
import java.util.Set;

/**
 * Which layers a transfer unpacks, and where to.
 *
 * @param main the name of the snapshotter of who names none
 * @param names of all that there are
 */
record Unpacking(String main, Set<String> names) {
    static Unpacking of(Snapshotters snapshotters) {
        return new Unpacking(snapshotters.main().name(), snapshotters.names());
    }

    /**
     * As in containerd, layers for a snapshotter that there is not are fetched and not unpacked.
     *
     * @throws Fault UNIMPLEMENTED if they are wanted in several
     */
    PullRequest.Extent extent(ImageStore to, boolean documents) {
        List<UnpackConfiguration> known = to.getUnpacksList().stream()
                .filter(unpack -> names.contains(snapshotter(unpack)))
                .toList();
        List<String> wanted = known.stream().map(this::snapshotter).distinct().toList();
        if (wanted.size() > 1) {
            throw Fault.of(
                    Fault.Code.UNIMPLEMENTED,
                    "transfer",
                    "its layers are to be unpacked to several snapshotters: " + String.join(", ", wanted),
                    "Ask for one at a time; layers that are here are not fetched again");
        }
        return new PullRequest.Extent(
                to.getPlatformsList().stream().map(Messages::platform).toList(),
                known.stream()
                        .map(unpack -> Messages.platform(unpack.getPlatform()))
                        .toList(),
                documents,
                wanted.isEmpty() ? "" : wanted.getFirst());
    }

    private String snapshotter(UnpackConfiguration unpack) {
        return unpack.getSnapshotter().isEmpty() ? main : unpack.getSnapshotter();
    }
}

package dev.berth.services;

import dev.berth.images.PullRequest;
import dev.berth.kernel.Fault;
import dev.berth.snapshots.Snapshotters;
import dev.berth.wire.containerd.transfertypes.ImageStore;
import dev.berth.wire.containerd.transfertypes.UnpackConfiguration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

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
     * As in containerd, layers for a snapshotter that there is not are fetched and not unpacked if others are unpacked, and a
     * platform that there is not is an error only if the client limits how many it wants.
     *
     * @throws Fault INVALID_ARGUMENT if there is none of the snapshotters; UNIMPLEMENTED if they are wanted in several
     */
    PullRequest.Extent extent(ImageStore to, boolean documents) {
        List<UnpackConfiguration> known = to.getUnpacksList().stream()
                .filter(unpack -> names.contains(snapshotter(unpack)))
                .toList();
        if (known.isEmpty() && to.getUnpacksCount() > 0) {
            throw Fault.invalid(
                    "transfer",
                    "snapshotter not loaded: "
                            + to.getUnpacksList().stream()
                                    .map(this::snapshotter)
                                    .distinct()
                                    .collect(Collectors.joining(", ")),
                    "There are " + names);
        }
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
                wanted.isEmpty() ? "" : wanted.getFirst(),
                to.getManifestLimit() == 0);
    }

    private String snapshotter(UnpackConfiguration unpack) {
        return unpack.getSnapshotter().isEmpty() ? main : unpack.getSnapshotter();
    }
}

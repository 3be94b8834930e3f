package dev.berth.cri;

import dev.berth.cri.spec.ImageVolume;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;

/** Directories for the volumes that an image declares: the container's own, filled with what the image has there. */
final class ImageVolumes {
    private ImageVolumes() {}

    /** Makes and fills the directories; names and links of the image never lead out of either tree. */
    static void fill(List<ImageVolume> volumes, RootView image) {
        for (ImageVolume volume : volumes) {
            try {
                Files.createDirectories(
                        Objects.requireNonNull(volume.directory().getParent()),
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx--x--x")));
                volume.fill(image.root());
            } catch (IOException e) {
                throw Fault.internal(
                                "fill the image's volume " + volume.destination(), String.valueOf(e.getMessage()), "")
                        .causedBy(e);
            }
        }
    }
}

package dev.berth.cri;

import dev.berth.cri.spec.ImageVolume;
import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;

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

    /** Removes a container's folder of volumes, whatever is in it. May be repeated. */
    static void remove(Path folder) {
        if (!Files.isDirectory(folder)) {
            return;
        }
        try (Dir parent = Dir.open(Objects.requireNonNull(folder.getParent()))) {
            parent.removeTree(folder.getFileName().toString().getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw Fault.internal("remove " + folder, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** Removes the folders of all but these containers. */
    static void keep(Path volumes, Set<String> ids) throws IOException {
        if (Files.isDirectory(volumes)) {
            try (Stream<Path> all = Files.list(volumes)) {
                all.filter(folder -> !ids.contains(folder.getFileName().toString()))
                        .forEach(ImageVolumes::remove);
            }
        }
    }
}

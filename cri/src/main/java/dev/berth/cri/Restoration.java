package dev.berth.cri;

import dev.berth.cri.checkpoint.CheckpointReader.Unpacked;
import dev.berth.cri.checkpoint.SameConfinement;
import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import dev.berth.oci.RuntimeSpec;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * What a container is to go on from. Who may ask for the container decides what it is made of, by its config; of the
 * checkpoint come its memory and its files, where they fit that.
 */
record Restoration(String name, Unpacked checkpoint) {
    private static final String IMAGES = "checkpoint";

    /** In the folder of a container, the state of its processes. */
    static Path images(Path folder) {
        return folder.resolve(IMAGES);
    }

    /** Programs go on in the middle of their files: those must be the same. */
    void requireImage(String id) {
        if (!checkpoint.manifest().imageId().equals(id)) {
            throw Fault.precondition(
                    "restore container " + name,
                    "its image is " + id + "; the checkpoint is of one of image "
                            + checkpoint.manifest().imageId(),
                    "Name that image");
        }
    }

    void requireSame(RuntimeSpec spec) {
        SameConfinement.require(
                name, RuntimeSpec.fromJson(checkpoint.spec()), RuntimeSpec.fromJson(spec.toJson())); // both as on disk
    }

    /** Hands over what has changed in its root, and forgets it. */
    void restoreFiles(Consumer<InputStream> apply) {
        try {
            try (InputStream in = new BufferedInputStream(Files.newInputStream(checkpoint.difference()))) {
                apply.accept(in);
            }
            Files.delete(checkpoint.difference());
        } catch (IOException e) {
            throw DiskFault.of("restore container " + name, e);
        }
    }
}

package dev.berth.cri.checkpoint;

import io.avaje.jsonb.Json;
import java.util.Map;

/**
 * What a checkpoint says of itself. The seal is of its bytes, and it holds the digests of all else: so the seal is of
 * everything.
 *
 * @param version of the layout
 * @param podId of the pod in which the container ran
 * @param name of the container in its pod
 * @param imageId the digest of the image's config
 * @param imageName as people know it
 * @param takenAtNanos nanoseconds since 1970
 * @param files SHA-256 in hexadecimal of every other entry of the archive, by its name
 */
@Json
public record Manifest(
        int version,
        String podId,
        String containerId,
        String name,
        String imageId,
        String imageName,
        long takenAtNanos,
        Map<String, String> files) {
    static final int VERSION = 1;

    /** One whose files are not known yet. */
    public Manifest(
            String podId, String containerId, String name, String imageId, String imageName, long takenAtNanos) {
        this(VERSION, podId, containerId, name, imageId, imageName, takenAtNanos, Map.of());
    }

    @SuppressWarnings("NullAway") // what somebody else has written may lack anything
    public Manifest {
        podId = podId == null ? "" : podId;
        containerId = containerId == null ? "" : containerId;
        name = name == null ? "" : name;
        imageId = imageId == null ? "" : imageId;
        imageName = imageName == null ? "" : imageName;
        files = files == null ? Map.of() : Map.copyOf(files);
    }

    Manifest with(Map<String, String> digests) {
        return new Manifest(version, podId, containerId, name, imageId, imageName, takenAtNanos, digests);
    }
}

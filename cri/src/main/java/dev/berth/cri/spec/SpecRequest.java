package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.PodConfig;
import dev.berth.oci.ImageConfig;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * All that the spec of a container is made from.
 *
 * @param id the container's id
 * @param image how the image wants to be run
 * @param imageName the image as annotations show it
 * @param user who the process is, found out by {@link Users}
 * @param imageVolumes for each mount of an image, by its container path, what it shows
 * @param volumes directory in which the image's own volumes are made; it need not exist
 */
public record SpecRequest(
        String id,
        ContainerConfig config,
        Pod pod,
        ImageConfig.Execution image,
        String imageName,
        ImageUser user,
        Map<String, ImageTree> imageVolumes,
        Path volumes) {

    public SpecRequest {
        imageVolumes = Map.copyOf(imageVolumes);
    }

    /**
     * The pod around it.
     *
     * @param hostname as its UTS namespace has it
     * @param networkNamespace null if the pod uses the node's network
     * @param files directory with the {@code hosts}, {@code resolv.conf} and {@code hostname} that we wrote for the pod
     */
    public record Pod(
            String id,
            PodConfig config,
            String hostname,
            @Nullable Path networkNamespace,
            Path files) {}
}

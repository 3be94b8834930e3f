package dev.berth.cri.config;

import io.avaje.jsonb.Json;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whose namespaces are used.
 *
 * @param targetId the container whose PID namespace is joined, with {@code pid} TARGET
 */
@Json
public record NamespaceOptions(
        Mode network,
        Mode pid,
        Mode ipc,
        String targetId,
        @Nullable UserNamespace user) {
    /** What CRI's zero values mean. */
    public static final NamespaceOptions POD = new NamespaceOptions(Mode.POD, Mode.POD, Mode.POD, "", null);

    public enum Mode {
        POD,
        CONTAINER,
        NODE,
        TARGET
    }

    /** A user namespace of the pod, or the node's own. */
    @Json
    public record UserNamespace(Mode mode, List<IdMapping> uids, List<IdMapping> gids) {}
}

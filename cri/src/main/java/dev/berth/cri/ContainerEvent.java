package dev.berth.cri;

import java.util.List;

/**
 * Something that happened to a container or, with the pod's own id, to a pod.
 *
 * @param containers all containers of the pod, as they were at the moment of the event
 */
public record ContainerEvent(String containerId, Kind kind, long createdAtNanos, Pod pod, List<Container> containers) {
    public enum Kind {
        CREATED,
        STARTED,
        STOPPED,
        DELETED
    }
}

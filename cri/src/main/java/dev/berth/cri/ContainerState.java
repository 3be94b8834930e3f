package dev.berth.cri;

import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/** The life of a container. */
public enum ContainerState {
    CREATED,
    RUNNING,
    EXITED,
    /** Its shim does not answer: it may or may not run. */
    UNKNOWN;

    private static final Map<ContainerState, Set<ContainerState>> NEXT = Map.of(
            CREATED, EnumSet.of(RUNNING, EXITED),
            RUNNING, EnumSet.of(EXITED, UNKNOWN),
            UNKNOWN, EnumSet.of(EXITED, RUNNING),
            EXITED, EnumSet.noneOf(ContainerState.class));

    /** Whether a container may go from this state to another. Staying is no move. */
    public boolean mayBecome(ContainerState next) {
        return NEXT.getOrDefault(this, Set.of()).contains(next);
    }
}

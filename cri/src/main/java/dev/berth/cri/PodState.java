package dev.berth.cri;

import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/** The life of a pod: it is made, it is ready, and then it is not. */
public enum PodState {
    /** The record exists, its environment does not or not wholly. A kubelet sees it as not ready. */
    CREATING,
    READY,
    NOT_READY;

    private static final Map<PodState, Set<PodState>> NEXT = Map.of(
            CREATING, EnumSet.of(READY, NOT_READY),
            READY, EnumSet.of(NOT_READY),
            NOT_READY, EnumSet.noneOf(PodState.class));

    /** Whether a pod may go from this state to another. Staying is no move. */
    public boolean mayBecome(PodState next) {
        return NEXT.getOrDefault(this, Set.of()).contains(next);
    }
}

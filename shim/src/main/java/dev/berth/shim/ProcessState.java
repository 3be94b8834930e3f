package dev.berth.shim;

import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/** Where a process of a container is in its life. The table of moves is the whole truth; nothing else decides. */
enum ProcessState {
    /** Written down before anything was made, so that a crash in the middle leaves a trace. */
    CREATING,
    /** The runtime has made the container, or an exec has been announced; the program has not been started. */
    CREATED,
    RUNNING,
    PAUSED,
    /** The program has ended and its status is written down. */
    STOPPED,
    /** Nothing is left. */
    DELETED;

    private static final Map<ProcessState, Set<ProcessState>> NEXT = Map.of(
            CREATING, EnumSet.of(CREATED, DELETED),
            CREATED, EnumSet.of(RUNNING, STOPPED, DELETED),
            RUNNING, EnumSet.of(PAUSED, STOPPED),
            PAUSED, EnumSet.of(RUNNING, STOPPED),
            STOPPED, EnumSet.of(DELETED),
            DELETED, EnumSet.noneOf(ProcessState.class));

    boolean mayBecome(ProcessState next) {
        return NEXT.getOrDefault(this, Set.of()).contains(next);
    }
}

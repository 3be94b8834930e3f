package dev.berth.tasks;

import java.time.Duration;

/** How long each kind of call to a shim may take. A call that may take longer waits in steps of these. */
final class Deadlines {
    /** Asks for what is known already. */
    static final Duration QUERY = Duration.ofSeconds(10);

    /** Runs the OCI runtime once, on a machine that may be busy with hundreds of others. */
    static final Duration RUNTIME = Duration.ofMinutes(2);

    /** Makes processes anew from a checkpoint: as long as their memory takes to be read. */
    static final Duration RESTORE = Duration.ofMinutes(30);

    /** Until the supervisor serves, from nothing. */
    static final Duration SUPERVISOR = Duration.ofSeconds(30);

    /** For a supervisor to go for good when it is told to; one that trains for its AOT cache writes that first. */
    static final Duration SUPERVISOR_STOP = Duration.ofSeconds(30);

    /** Until a foreign shim has started and told its address. */
    static final Duration SHIM_START = Duration.ofSeconds(60);

    /** For a shim to go when it is told to; then it is killed. */
    static final Duration SHIM_STOP = Duration.ofSeconds(3);

    private Deadlines() {}
}

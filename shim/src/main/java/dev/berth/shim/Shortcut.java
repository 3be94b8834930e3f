package dev.berth.shim;

import java.util.Locale;

/**
 * Ways to be faster than a runtime by itself is. Each leaves a container that looks the same from inside and outside, which a
 * test says, and can be turned off with {@code --without NAME}. Each is used only where it applies, so that what is unusual
 * takes the runtime's own way.
 */
enum Shortcut {
    /**
     * We make the cgroups on version 1 and crun is born in them. Moving a process waits 8 to 16 ms for the kernel (RCU); a
     * thread that moves alone, and what it then starts, does not.
     */
    OWN_CGROUPS,

    /** What crun makes of a seccomp profile, 12 ms of work, is kept and given to the next container with that profile. */
    KEPT_SECCOMP,

    /** A byte in its FIFO lets a created container begin, without another run of crun. */
    OWN_START,

    /** What crun leaves of a container that has ended is removed without another run of crun. */
    OWN_DELETE,

    /** crun is run from a sealed copy in memory, and so does not have to protect its own file at each start. */
    SEALED_COPY;

    /** Its name on the command line. */
    String option() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

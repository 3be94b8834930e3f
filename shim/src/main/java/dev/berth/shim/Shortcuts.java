package dev.berth.shim;

import dev.berth.shim.runtime.SeccompCache;
import java.util.Set;

/** The shortcuts that are turned on, and what they keep. */
record Shortcuts(Set<Shortcut> on, SealedCopies copies, SeccompCache seccomp) {
    boolean has(Shortcut shortcut) {
        return on.contains(shortcut);
    }
}

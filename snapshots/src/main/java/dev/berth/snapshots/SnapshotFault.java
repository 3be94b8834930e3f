package dev.berth.snapshots;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import java.io.IOException;

/** Failures of the disk in terms of what was asked for. */
final class SnapshotFault {
    static final String FULL = "the disk is full";
    static final String MAKE_ROOM = "Make room on the file system of Berth's root and try again";

    private SnapshotFault() {}

    static Fault of(String what, IOException e) {
        String why = String.valueOf(e.getMessage());
        if (e instanceof LinuxException linux && (linux.is(Errno.ENOSPC) || linux.is(Errno.EDQUOT))) {
            return Fault.exhausted(what, FULL, MAKE_ROOM).causedBy(e);
        }
        return Fault.internal(what, why, "See the system's log").causedBy(e);
    }
}

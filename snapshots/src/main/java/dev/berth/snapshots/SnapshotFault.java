package dev.berth.snapshots;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import java.io.IOException;

/** Failures of the disk in terms of what was asked for. */
final class SnapshotFault {
    static final String FULL = "the disk is full";
    static final String MAKE_ROOM = "Make room on the file system of Berth's root and try again";
    private static final String BAD_DISK =
            "Look at the file system of Berth's root; the kernel's log says what is wrong with it";

    private SnapshotFault() {}

    static Fault of(String what, IOException e) {
        String why = String.valueOf(e.getMessage());
        if (e instanceof LinuxException linux && (linux.is(Errno.ENOSPC) || linux.is(Errno.EDQUOT))) {
            return Fault.exhausted(what, FULL, MAKE_ROOM).causedBy(e);
        }
        if (e instanceof LinuxException linux && (linux.is(Errno.EIO) || linux.is(Errno.EROFS))) {
            return Fault.unavailable(what, why, BAD_DISK).causedBy(e); // no mistake of ours, and it may come back
        }
        return Fault.internal(what, why, "See the system's log").causedBy(e);
    }
}

package dev.berth.store;

import dev.berth.kernel.Fault;
import java.io.IOException;

/** What the file system's errors mean for the caller. */
final class DiskFault {
    private DiskFault() {}

    static Fault of(String what, IOException e) {
        String why = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        // The JDK tells a full disk from other errors only by the text of strerror.
        Fault fault = why.contains("No space left on device") || why.contains("Disk quota exceeded")
                ? Fault.exhausted(
                        what, "the disk is full", "Make room on the file system of Berth's root and try again")
                : Fault.unavailable(what, why, "Look at the file system of Berth's root");
        return fault.causedBy(e);
    }
}

package dev.berth.store;

import dev.berth.kernel.DiskFault;
import dev.berth.store.Store.Finding;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Something that a check has found, and what would put it right; null if nothing can. */
record Problem(Finding finding, @Nullable Repair repair) {
    /** A way to put something right. */
    interface Repair {
        void run() throws IOException;
    }

    /** Puts it right, if that can be done. */
    Optional<Finding> repaired() {
        if (repair == null) {
            return Optional.empty();
        }
        try {
            repair.run();
        } catch (IOException e) {
            throw DiskFault.of("repair " + finding.what(), e);
        }
        return Optional.of(new Finding(finding.kind(), finding.what(), finding.why(), finding.remedy(), true));
    }
}

package dev.berth.daemon;

import dev.berth.linux.LinuxDisk;
import dev.berth.store.Finding;
import dev.berth.store.Store;
import java.io.PrintStream;
import java.time.InstantSource;
import java.util.List;

/** Looks whether what is on disk is consistent, with the daemon stopped. */
final class Check {
    private Check() {}

    /** Looks, mends if asked to, and says what it found; 0 if all is well or was mended. */
    static int run(Config config, boolean repair, PrintStream out) {
        List<Finding> findings =
                repair ? Store.repair(config.root(), new LinuxDisk(), InstantSource.system(), true) : look(config);
        for (Finding finding : findings) {
            out.println((finding.repaired() ? "mended: " : "found: ") + finding.what() + ": " + finding.why()
                    + (finding.repaired() || finding.remedy().isEmpty() ? "" : ". " + finding.remedy()));
        }
        boolean concern = findings.stream()
                .anyMatch(finding -> !finding.repaired() && !finding.kind().equals("note"));
        if (!concern) {
            out.println("the store in " + config.root() + " is consistent");
        } else if (!repair) {
            out.println("mend it with: berth check --repair");
        }
        return concern ? 1 : 0;
    }

    private static List<Finding> look(Config config) {
        try (Store store = Store.open(config.root(), new LinuxDisk(), InstantSource.system())) {
            return store.check(true);
        }
    }
}

package dev.berth.daemon;

import dev.berth.cri.Ledger;
import dev.berth.linux.LinuxDisk;
import dev.berth.store.Store;
import dev.berth.store.Store.Finding;
import java.io.PrintStream;
import java.time.InstantSource;
import java.util.List;
import java.util.stream.Stream;

/** Looks whether this node can run pods and, with the daemon stopped, whether what is on disk is consistent. */
final class Check {
    private Check() {}

    /** Looks, mends if asked to, and says what it found; 0 if pods can run and all is well or was mended. */
    static int run(Config config, boolean repair, PrintStream out) throws InterruptedException {
        List<NodeCheck.Finding> node = NodeCheck.look(config);
        node.forEach(finding -> out.println(finding.line()));
        boolean able = node.stream().noneMatch(finding -> finding.verdict() == NodeCheck.Verdict.MISSING);
        out.println(able ? "this node can run pods" : "this node cannot run pods as it is: see what is missing");
        return store(config, repair, out) && able ? 0 : 1;
    }

    private static boolean store(Config config, boolean repair, PrintStream out) {
        List<Finding> findings = repair ? mend(config) : look(config);
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
        return !concern;
    }

    private static List<Finding> look(Config config) {
        try (Store store = Store.open(config.root(), new LinuxDisk(), InstantSource.system())) {
            return both(store.check(true), records(Ledger.damages(store.metadata()), false));
        }
    }

    private static List<Finding> mend(Config config) {
        List<Finding> findings = Store.repair(config.root(), new LinuxDisk(), InstantSource.system(), true);
        try (Store store = Store.open(config.root(), new LinuxDisk(), InstantSource.system())) {
            return both(findings, records(Ledger.repair(store.metadata()), true));
        }
    }

    private static List<Finding> records(List<Ledger.Damage> damages, boolean mended) {
        return damages.stream()
                .map(damage -> new Finding(
                        "record",
                        (damage.pod() ? "pod " : "container ") + damage.id(),
                        damage.why(),
                        "Without it what runs of it ends when the daemon starts",
                        mended))
                .toList();
    }

    private static List<Finding> both(List<Finding> one, List<Finding> other) {
        return Stream.concat(one.stream(), other.stream()).toList();
    }
}

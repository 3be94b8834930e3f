package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.verify.Inventory.Fact;
import dev.berth.verify.Inventory.Kind;
import java.time.Duration;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Compares the machine before and after a class of end-to-end tests, also if one of them has failed. Where nobody else uses
 * Berth at that time everything counts that is new; else what carries the name of a daemon of the class or the id of one of
 * its pods or containers.
 */
final class Leaks implements BeforeAllCallback, AfterAllCallback {
    private static final Duration SETTLE =
            Duration.ofMinutes(1); // the kernel takes namespaces and links down by and by
    private static final Ticker TICKER = Ticker.system();
    private static final Set<String> MARKS = new ConcurrentSkipListSet<>();
    private static final Pattern ID = Pattern.compile("(?<![0-9a-f:])[0-9a-f]{64}(?![0-9a-f])");
    /** Programs that a container runtime starts. */
    private static final Pattern RUNTIME_PROGRAM = Pattern.compile(
            "(\\S*/)?(crun|runc|runsc|sleep|catatonit|containerd-shim\\S*|bridge|host-local|portmap|firewall|bandwidth"
                    + "|loopback|berth\\S*)( .*)?|.* dev\\.berth\\.(shim|daemon)\\.Main .*");
    /** Others may make these at any time. */
    private static final Set<Kind> ONLY_MARKED = EnumSet.of(Kind.ABSTRACT_SOCKET, Kind.SYSV);

    private static final Pattern OTHER_RUN =
            Pattern.compile(".* dev\\.berth\\.(shim|daemon)\\.Main .*|.*surefirebooter.*");

    private Set<Fact> before = Set.of();
    private boolean alone;

    /** Whatever says this word belongs to the class of tests that runs now. */
    static void mark(String word) {
        MARKS.add(word);
    }

    /** Pods' and containers' ids in a text. */
    static void markIds(String text) {
        ID.matcher(text).results().map(match -> match.group()).forEach(MARKS::add);
    }

    @Override
    public void beforeAll(ExtensionContext context) {
        MARKS.clear();
        before = Inventory.take();
        alone = alone(before);
    }

    @Override
    public void afterAll(ExtensionContext context) throws InterruptedException {
        List<Fact> left = settled(SETTLE, () -> since(before, alone));
        assertThat(left)
                .as("left on the machine by " + context.getDisplayName())
                .isEmpty();
    }

    /** Whether to look at everything. */
    interface Scope {
        boolean machine();
    }

    /** What is new and counts. */
    static List<Fact> since(Set<Fact> before, boolean machine) {
        Set<Fact> after = Inventory.take();
        boolean everything = machine && alone(after);
        return after.stream()
                .filter(fact -> !before.contains(fact))
                .filter(fact -> marked(fact) || (everything && counts(fact)))
                .toList();
    }

    /** What stays for longer than the kernel needs to tidy up. */
    private static List<Fact> settled(Duration limit, Supplier<List<Fact>> look) throws InterruptedException {
        long start = TICKER.nanos();
        while (true) {
            List<Fact> left = look.get();
            if (left.isEmpty() || TICKER.since(start).compareTo(limit) > 0) {
                return left;
            }
            TICKER.sleep(Duration.ofMillis(200));
        }
    }

    /** What a single run has left, told by its name. */
    static void audit(String name) throws InterruptedException {
        audit(name, "");
    }

    /** @param hints what may explain it */
    static void audit(String name, String hints) throws InterruptedException {
        mark(name);
        List<Fact> left = settled(
                SETTLE,
                () -> Inventory.take().stream()
                        .filter(fact ->
                                fact.text().contains(name) || fact.marks().contains(name))
                        .toList());
        assertThat(left)
                .as("left on the machine" + (left.isEmpty() ? "" : ": " + left + "\n" + hints))
                .isEmpty();
    }

    private static boolean marked(Fact fact) {
        return MARKS.stream()
                .anyMatch(mark -> fact.text().contains(mark) || fact.marks().contains(mark));
    }

    private static boolean counts(Fact fact) {
        return switch (fact.kind()) {
            case PROCESS ->
                RUNTIME_PROGRAM
                        .matcher(fact.text().replaceFirst("^[^:]*: ", ""))
                        .matches();
            case CGROUP -> !fact.text().matches(".*\\.(slice|service|scope|mount)(/.*)?");
            default -> !ONLY_MARKED.contains(fact.kind());
        };
    }

    /** Whether nobody else on this machine runs Berth or tests. */
    private static boolean alone(Collection<Fact> facts) {
        return facts.stream()
                .filter(fact -> fact.kind() == Kind.PROCESS)
                .filter(fact -> !marked(fact))
                .noneMatch(fact -> OTHER_RUN.matcher(fact.text()).matches());
    }
}

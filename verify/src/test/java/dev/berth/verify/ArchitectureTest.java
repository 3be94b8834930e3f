package dev.berth.verify;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The arrows between modules and what is absent on purpose; ARCHITECTURE.md explains them. */
@Tag("static")
class ArchitectureTest {
    /** Which modules a module may use. A module that is missing here fails the test. */
    private static final Map<String, Set<String>> ARROWS = new TreeMap<>(Map.ofEntries(
            Map.entry("kernel", Set.of()),
            Map.entry("linux", Set.of("kernel")),
            Map.entry("ttrpc", Set.of("kernel", "linux")),
            Map.entry("wire.shim", Set.of()),
            Map.entry("wire.cri", Set.of()),
            Map.entry("wire.containerd", Set.of("wire.shim")),
            Map.entry("oci", Set.of("kernel")),
            Map.entry("store", Set.of("kernel", "oci")),
            Map.entry("snapshots", Set.of("kernel", "oci", "linux", "store")),
            Map.entry("images", Set.of("kernel", "oci", "linux", "store", "snapshots")),
            Map.entry("network", Set.of("kernel", "linux")),
            Map.entry("shim", Set.of("kernel", "oci", "linux", "ttrpc", "wire.shim")),
            Map.entry("tasks", Set.of("kernel", "oci", "linux", "ttrpc", "wire.shim")),
            Map.entry(
                    "cri",
                    Set.of("kernel", "oci", "linux", "store", "snapshots", "images", "network", "tasks", "wire.cri")),
            Map.entry(
                    "services",
                    Set.of(
                            "kernel",
                            "oci",
                            "linux",
                            "store",
                            "snapshots",
                            "images",
                            "tasks",
                            "wire.shim",
                            "wire.containerd")),
            Map.entry(
                    "daemon",
                    Set.of(
                            "kernel",
                            "oci",
                            "linux",
                            "ttrpc",
                            "store",
                            "snapshots",
                            "images",
                            "network",
                            "tasks",
                            "cri",
                            "services",
                            "wire.cri",
                            "wire.shim",
                            "wire.containerd"))));

    private static final JavaClasses ALL = new ClassFileImporter().importPaths(outputs());

    @Test
    void everyModuleIsInTheTable() {
        Set<String> found = new TreeSet<>();
        ALL.forEach(type -> found.add(moduleOf(type)));
        assertThat(ARROWS.keySet()).containsAll(found);
        assertThat(found).isNotEmpty();
    }

    @Test
    void arrowsPointOnlyWhereTheTableSays() {
        ARROWS.forEach((module, allowed) -> noClasses()
                .that(isIn(module))
                .should()
                .dependOnClassesThat(new DescribedPredicate<JavaClass>("are in another module than " + allowed) {
                    @Override
                    public boolean test(JavaClass other) {
                        return other.getPackageName().startsWith("dev.berth.")
                                && !moduleOf(other).equals(module)
                                && !allowed.contains(moduleOf(other));
                    }
                })
                .because("ARCHITECTURE.md draws the arrows; change the table there and here together")
                .allowEmptyShould(true)
                .check(ALL));
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching("dev.berth.(**)").should().beFreeOfCycles().check(handWritten());
    }

    @Test
    void onlyLinuxTouchesNativeMemoryAndStartsProcesses() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.berth.linux..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("java.lang.foreign..")
                .because("only linux may touch native memory")
                .check(handWritten());
        noClasses()
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName("java.lang.ProcessBuilder")
                .orShould()
                .dependOnClassesThat()
                .haveFullyQualifiedName("java.lang.Runtime$Process")
                .because("processes are started by linux.Child, with exact descriptors and nobody else's reaping")
                .check(handWritten());
    }

    @Test
    void onlyKernelReadsTheMonotonicClockAndSleeps() {
        noClasses()
                .that()
                .resideOutsideOfPackage("dev.berth.kernel..")
                .should()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(Thread.class, "sleep", long.class)
                .orShould()
                .callMethod(Thread.class, "sleep", java.time.Duration.class)
                .orShould()
                .callMethod(java.time.Instant.class, "now")
                .because("time comes from Ticker and InstantSource")
                .check(handWritten());
    }

    @Test
    void generatedTypesStopAtTheEdges() {
        noClasses()
                .that()
                .resideInAnyPackage("dev.berth.cri", "dev.berth.cri.config", "dev.berth.cri.spec")
                .should()
                .dependOnClassesThat(resideInAPackage("dev.berth.wire.."))
                .because("records live inside; only cri.grpc translates")
                .check(ALL);
    }

    @Test
    void theSupervisorStaysSmall() {
        noClasses()
                .that(isIn("shim"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.grpc..", "io.netty..", "java.sql..", "java.net.http..")
                .because("the supervisor must start fast and stay small")
                .allowEmptyShould(true)
                .check(ALL);
    }

    private static JavaClasses handWritten() {
        return ALL.that(DescribedPredicate.not(resideInAPackage("dev.berth.wire..")));
    }

    private static DescribedPredicate<JavaClass> isIn(String module) {
        return DescribedPredicate.describe(
                "are in " + module, type -> moduleOf(type).equals(module));
    }

    private static String moduleOf(JavaClass type) {
        String[] parts = type.getPackageName().split("\\.", -1);
        return parts[2].equals("wire") && parts.length > 3 ? "wire." + parts[3] : parts[2];
    }

    private static List<Path> outputs() {
        var outputs = new ArrayList<Path>();
        for (String module : Project.modules()) {
            Path classes = Project.ROOT.resolve(module).resolve("target/classes");
            if (!module.equals("verify") && Files.isDirectory(classes)) {
                outputs.add(classes);
            }
        }
        return outputs;
    }

    @Test
    void theModulesOfTheBuildAreThoseOfTheTable() throws IOException {
        var names = Arrays.stream(Project.modules().toArray(String[]::new))
                .map(module -> module.replace('/', '.'))
                .filter(module -> !module.equals("verify"))
                .toList();
        assertThat(names).containsExactlyInAnyOrderElementsOf(ARROWS.keySet());
        String page = Files.readString(Project.ROOT.resolve("ARCHITECTURE.md"));
        for (String name : ARROWS.keySet()) {
            assertThat(page).as("ARCHITECTURE.md names every module").contains("`" + name + "`");
        }
    }
}

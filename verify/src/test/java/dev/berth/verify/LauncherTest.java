package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The script {@code berth} where things are not as at a developer's desk. */
@ExtendWith(Leaks.class)
class LauncherTest {
    private static final Path LAUNCHER = Project.ROOT.resolve("berth");
    private static final String PROGRAMS = "target/programs";

    @TempDir
    Path folder;

    /** As systemd starts a service: there is not even a HOME. */
    @Test
    void anEmptyEnvironment() {
        Berth.Result version = Berth.run(List.of("env", "-i", "PATH=/usr/bin:/bin", LAUNCHER.toString(), "version"));
        assertThat(version.text()).startsWith("berth ");
    }

    private static Berth.Result readOnly(Path what, String... command) {
        var all = new ArrayList<>(List.of(
                "unshare",
                "--mount",
                "sh",
                "-c",
                "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\""));
        all.add(what.toString());
        all.addAll(List.of(command));
        return Berth.run(all);
    }

    @Test
    void aReadOnlyCheckoutRunsOnceItIsBuilt() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), LAUNCHER);
        assertThat(readOnly(Project.ROOT, link.toString(), "version").text()).startsWith("berth ");
        Files.delete(link);

        Path fresh = folder.resolve("fresh");
        Files.createDirectories(fresh.resolve("daemon/src"));
        copy(LAUNCHER, fresh);
        copy(Project.ROOT.resolve(".ci"), fresh);
        Berth.Result refused = readOnly(fresh, fresh.resolve("berth").toString(), "version");
        assertThat(refused.exit()).isEqualTo(1);
        assertThat(refused.err())
                .contains("must be built first", fresh + ", which cannot be written", "Build it where");
    }

    private static void copy(Path what, Path into) {
        Berth.run(List.of("cp", "-a", what.toString(), into.toString())).text();
    }

    /** The launcher with a program beside it that is the project's, in the folder {@code programs/first}. */
    private static Path installed(Path place) throws IOException {
        Path programs = Files.createDirectories(place.resolve(PROGRAMS));
        copy(LAUNCHER, place);
        copy(Project.ROOT.resolve(".ci"), place);
        copy(Project.program(), programs.resolve("first"));
        Files.createSymbolicLink(programs.resolve("current"), Path.of("first"));
        return place.resolve("berth");
    }

    /** An installation is a copy of what was built, wherever it lies. */
    @Test
    void aFolderWithASpaceInItsName() throws Exception {
        Path launcher = installed(Files.createDirectories(folder.resolve("100% with a space & more")));
        try (Berth berth = Berth.start("")) {
            Berth.until(
                    "there is a supervisor",
                    Berth.LIMIT,
                    () -> berth.supervisor().isPresent());
            berth.kill();
            berth.killSupervisor();
            berth.launcher(launcher);
            berth.launch();
            usesItsCaches(berth, launcher.resolveSibling(PROGRAMS).resolve("first"));
        }
    }

    @Test
    void aCacheThatIsMissingOnlyMakesStartsSlower() throws IOException {
        Path launcher = installed(folder);
        Files.delete(folder.resolve(PROGRAMS).resolve("first/daemon/daemon.aot"));
        assertThat(Berth.run(List.of(launcher.toString(), "version")).text()).startsWith("berth ");
    }

    @Test
    void theProgramUsesItsCaches() throws Exception {
        try (Berth berth = Berth.start("")) {
            usesItsCaches(berth, Project.program());
        }
    }

    /** The JVM says nothing of a cache that it refuses, but does not map it. */
    private static void usesItsCaches(Berth berth, Path program) throws InterruptedException {
        assertThat(maps(berth.daemon().toHandle())).contains(program.resolve("daemon/daemon.aot") + "\n");
        Berth.until(
                "there is a supervisor", Berth.LIMIT, () -> berth.supervisor().isPresent());
        Berth.until(
                "it uses its cache",
                Berth.LIMIT,
                () -> berth.supervisor()
                        .filter(now -> maps(now).contains(program.resolve("shim/shim.aot") + "\n"))
                        .isPresent());
    }

    private static String maps(ProcessHandle process) {
        return Berth.read(Path.of("/proc/" + process.pid() + "/maps"));
    }

    private static String command(ProcessHandle process) {
        return Berth.read(Path.of("/proc/" + process.pid() + "/cmdline"));
    }

    /** Sources that have changed, and a stand-in for Maven that makes the program of them or does not. */
    private void sources(String mark, boolean good) throws IOException {
        Path main = Files.createDirectories(folder.resolve("daemon/src/main"));
        Files.writeString(main.resolve("mark"), mark);
        Files.createDirectories(folder.resolve(".mvn"));
        Path maven = Files.writeString(folder.resolve("mvnw"), """
                #!/bin/sh -e
                cd "$(dirname "$0")"
                %s
                for part in daemon shim; do
                  mkdir -p $part/target/lib && cp -a "%s"/$part/*.jar $part/target/lib
                  "$JAVA_HOME/bin/jar" --create --file $part/target/lib/mark.jar -C daemon/src/main mark
                done
                """.formatted(
                        good ? "" : "echo 'not a statement' >&2; exit 1", Project.program()));
        Files.setPosixFilePermissions(maven, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private List<String> programs() throws IOException {
        try (Stream<Path> all = Files.list(folder.resolve(PROGRAMS))) {
            return all.map(file -> file.getFileName().toString())
                    .filter(name -> !name.equals("current"))
                    .toList();
        }
    }

    @Test
    void aBuildThatFailsLeavesTheProgramOfBefore() throws IOException {
        String launcher = installed(folder).toString();
        sources("wrong", false);
        Berth.Result version = Berth.run(List.of(launcher, "version"));
        assertThat(version.text()).startsWith("berth ");
        assertThat(version.err())
                .contains(
                        "not a statement", "the build failed, see above; going on with the program that was built on");
        Berth.Result build = Berth.run(List.of(launcher, "build"));
        assertThat(build.exit()).isEqualTo(1);
        assertThat(build.err()).contains("not a statement", "the build failed; see above");
        assertThat(programs()).containsExactly("first");
        assertThat(readOnly(folder, launcher, "version").text()).startsWith("berth ");
    }

    /** Trained or not: a cache takes ten seconds to make, and {@link #theProgramUsesItsCaches()} looks at it. */
    private Path rebuilt(String launcher, String mark) throws IOException {
        sources(mark, true);
        Path aot = folder.resolve(".ci/aot");
        Files.writeString(aot, Files.readString(aot).replace("unshare --net", "false --net"));
        assertThat(Berth.run(List.of(launcher, "build")).exit()).isZero();
        return folder.resolve(PROGRAMS).resolve("current").toRealPath();
    }

    @Test
    void aBuildWhileADaemonRunsHarmsNothing() throws Exception {
        Peers.need("crictl");
        Path launcher = installed(folder);
        Path first = folder.resolve(PROGRAMS).resolve("first");
        try (Berth berth = Berth.connected("")) {
            var pods = new PodFixture(berth);
            berth.crictl("pull", berth.image("busybox")).text();
            berth.kill();
            berth.launcher(launcher);
            berth.launch();
            String pod = pods.run("before");
            String container = pods.start(pod, "before", pods.containerFile("before", "exec sleep 1000"));

            Path second = rebuilt(launcher.toString(), "second");
            Path third = rebuilt(launcher.toString(), "third");
            assertThat(programs())
                    .contains(
                            "first",
                            second.getFileName().toString(),
                            third.getFileName().toString());
            String after = pods.run("after");
            pods.start(after, "after", pods.containerFile("after", "exec sleep 1000"));
            long old = berth.supervisor().orElseThrow().pid();
            berth.killSupervisor();
            Berth.until(
                    "another supervisor, of the program that runs",
                    Berth.LIMIT,
                    () -> berth.supervisor()
                            .filter(now -> now.pid() != old && command(now).contains(first.toString()))
                            .isPresent());
            assertThat(berth.crictl("exec", "-s", container, "echo", "alive").text())
                    .isEqualTo("alive");
            pods.run("later");

            berth.kill();
            berth.launch();
            assertThat(command(berth.daemon().toHandle())).contains(third.toString());
            Berth.until(
                    "a supervisor of the new program",
                    Berth.LIMIT,
                    () -> berth.supervisor()
                            .filter(now -> command(now).contains(third.toString()))
                            .isPresent());
            assertThat(berth.crictl("exec", "-s", container, "echo", "alive").text())
                    .isEqualTo("alive");
            Path fourth = rebuilt(launcher.toString(), "fourth");
            assertThat(programs())
                    .containsExactlyInAnyOrder(
                            third.getFileName().toString(), fourth.getFileName().toString());
        }
    }
}

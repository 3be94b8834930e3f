package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script {@code berth} where things are not as at a developer's desk. */
class LauncherTest {
    private static final String LAUNCHER = Project.ROOT.resolve("berth").toString();

    @TempDir
    Path folder;

    /** As systemd starts a service: there is not even a HOME. */
    @Test
    void anEmptyEnvironment() {
        Berth.Result version = Berth.run(List.of("env", "-i", "PATH=/usr/bin:/bin", LAUNCHER, "version"));
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
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of(LAUNCHER));
        assertThat(readOnly(Project.ROOT, link.toString(), "version").text()).startsWith("berth ");
        Files.delete(link);

        Path fresh = folder.resolve("fresh");
        Files.createDirectories(fresh.resolve("daemon/src"));
        Berth.run(List.of("cp", "-r", LAUNCHER, Project.ROOT.resolve(".ci").toString(), fresh.toString()))
                .text();
        Berth.Result refused = readOnly(fresh, fresh.resolve("berth").toString(), "version");
        assertThat(refused.exit()).isEqualTo(1);
        assertThat(refused.err())
                .contains("must be built first", fresh + ", which cannot be written", "Build it where");
    }

    /** An installation is a copy of what was built, wherever it lies. */
    @Test
    void aFolderWithASpaceInItsName() throws IOException {
        Path copy = Files.createDirectories(folder.resolve("with a space"));
        Berth.run(List.of("cp", "-r", LAUNCHER, Project.ROOT.resolve(".ci").toString(), copy.toString()))
                .text();
        for (String part : List.of("daemon", "shim")) {
            link(Path.of(part, "target"), copy);
            link(Path.of(part, "target", "lib"), copy);
        }
        Berth.run(List.of("chown", "-R", "65534:65534", folder.toString())).text();
        asNobody("env", "JAVA_HOME=" + System.getProperty("java.home"), copy + "/.ci/aot", copy.toString());
        Path flags = copy.resolve("daemon/target/jvm.flags");
        Files.writeString(flags, "-XX:AOTCache=" + copy.resolve("none.aot") + "\n", StandardOpenOption.APPEND);
        Berth.Result version = Berth.run(List.of(copy.resolve("berth").toString(), "version"));
        assertThat(version.text()).startsWith("berth ");
        assertThat(Files.readString(copy.resolve("shim/target/shim.version")))
                .as("that of the same jars")
                .isEqualTo(Files.readString(Project.ROOT.resolve("shim/target/shim.version")));
    }

    /** Who cannot train the program only writes down how it is started. */
    private static void asNobody(String... command) {
        var all = new ArrayList<>(List.of("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"));
        all.addAll(List.of(command));
        Berth.run(all).text();
    }

    private static void link(Path folder, Path copy) throws IOException {
        Files.createDirectories(copy.resolve(folder));
        try (Stream<Path> files = Files.list(Project.ROOT.resolve(folder))) {
            for (Path jar :
                    (Iterable<Path>) files.filter(file -> file.toString().endsWith(".jar"))::iterator) {
                Files.copy(jar, copy.resolve(folder).resolve(jar.getFileName()));
            }
        }
    }
}

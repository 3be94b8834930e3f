package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.Busybox;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** {@code berth image}, typed against a daemon that runs. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class ImageCommandTest {
    private Berth berth;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl"); // by which the daemon is seen to answer
        berth = Berth.start();
        assertThat(image("pull", berth.image("busybox")).text()).startsWith(berth.image("busybox") + " sha256:");
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            berth.close();
        }
    }

    /** Runs a command on this daemon. */
    private Berth.Result image(String... words) {
        var command = new ArrayList<>(List.of(Project.ROOT.resolve("berth").toString(), "image"));
        command.addAll(List.of(words));
        command.addAll(List.of("--config", berth.config().toString()));
        return Berth.run(command);
    }

    /** Makes an image of its own, so that one test does not see what another does; its reference. */
    private String fresh(String name) {
        berth.registry()
                .add(name, "latest", Busybox.image().env("FRESH=" + name).build());
        image("pull", "--quiet", berth.image(name)).text();
        return berth.image(name);
    }

    @Test
    void whatIsPulledIsListedAndTold() {
        String name = berth.image("busybox");
        assertThat(image("ls").text()).startsWith("NAME").contains(name, "linux/amd64", "iB");
        assertThat(image("ls", "--quiet").text().lines()).contains(name).noneMatch(line -> line.contains("@"));
        assertThat(image("ls", "--quiet", "--all").text()).contains("@sha256:");
        assertThat(image("ls", "--format", "json").text()).startsWith("[").contains("\"name\": \"" + name + "\"");
        assertThat(image("inspect", name).text())
                .startsWith("{")
                .contains("\"diffId\": \"sha256:", "\"platform\": \"linux/amd64\"", "\"config\": {", "\"labels\"");
        assertThat(image("history", name).text()).startsWith("CREATED");
        assertThat(berth.crictl("images").text()).contains("/busybox");
    }

    @Test
    void namesAreGivenAndTaken() {
        String source = fresh("named");
        String other = fresh("taken");
        String name = "localhost/btimage:1";
        assertThat(image("tag", source, name).text()).isEqualTo(name);
        assertThat(image("tag", source, name).exit()).isZero();
        Berth.Result refused = image("tag", other, name);
        assertThat(refused.exit()).isEqualTo(1);
        assertThat(refused.err()).contains("another image has this name", "--force");
        assertThat(image("tag", "--force", other, name).exit()).isZero();
        assertThat(image("rm", name, source).text()).contains(name, source);
        assertThat(image("ls", "--quiet", "--all").text()).doesNotContain(name, "/named", "btimage");
        image("rm", other).text();
    }

    @Test
    void whatIsNotThereIsSaid() {
        Berth.Result missing = image("inspect", "busyboxx");
        assertThat(missing.exit()).isEqualTo(1);
        assertThat(missing.err()).contains("image busyboxx: there is none of this name");
        Berth.Result some = image("rm", "nothing:1", fresh("removable"));
        assertThat(some.exit()).isEqualTo(1);
        assertThat(some.err()).contains("nothing:1");
        assertThat(some.out()).contains("/removable");
        Berth.Result bad = image("pull", "registry.example/UPPER");
        assertThat(bad.exit()).isEqualTo(2);
        assertThat(bad.err()).contains("must be in lower case");
        Berth.Result absent = image("pull", berth.image("absent"));
        assertThat(absent.exit()).isEqualTo(1);
        assertThat(absent.err()).contains("absent");
        Berth.Result word = image("pul", "x");
        assertThat(word.exit()).isEqualTo(2);
        assertThat(word.err()).contains("did you mean `berth image pull`?");
    }

    @Test
    void withoutADaemonItIsSaidHowToGetOne() {
        Berth.Result result = Berth.run(List.of(
                Project.ROOT.resolve("berth").toString(),
                "image",
                "ls",
                "--address",
                berth.folder().resolve("no.sock").toString()));
        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.err()).contains("there is no socket", "no.sock", "berth daemon");
        assertThat(result.out()).isEmpty();
    }

    @Test
    void anImageIsMountedAndUnmounted() throws IOException {
        Path folder = Files.createDirectories(berth.folder().resolve("mounted"));
        try {
            image("mount", berth.image("busybox"), folder.toString()).text();
            assertThat(folder.resolve("bin/busybox")).exists();
            assertThat(folder.toFile().canWrite() && new java.io.File(folder.toFile(), "new").mkdir())
                    .as("it can be written")
                    .isFalse();
            assertThat(image("mount", berth.image("busybox"), folder.toString()).err())
                    .contains("mounted on " + folder, "unmount");
        } finally {
            image("unmount", folder.toString());
        }
        assertThat(folder).isEmptyDirectory();
        try {
            image("mount", "--rw", berth.image("busybox"), folder.toString()).text();
            Files.writeString(folder.resolve("new"), "text");
        } finally {
            image("unmount", folder.toString());
        }
        assertThat(folder).isEmptyDirectory();
        Berth.Result twice = image("unmount", folder.toString());
        assertThat(twice.exit()).isEqualTo(1);
        assertThat(twice.err()).contains("no image is mounted there");
    }

    @Test
    void damageIsFound() throws IOException {
        String name = fresh("damaged");
        assertThat(image("verify", name).text()).contains("whole, for [linux/amd64]");
        String id = image("inspect", name)
                .text()
                .lines()
                .filter(line -> line.contains("\"id\""))
                .findFirst()
                .orElseThrow()
                .replaceAll(".*sha256:([0-9a-f]{64}).*", "$1");
        Path blob;
        try (var files = Files.walk(berth.root().resolve("blobs"))) {
            blob = files.filter(file -> file.getFileName().toString().equals(id))
                    .findFirst()
                    .orElseThrow();
        }
        byte[] whole = Files.readAllBytes(blob);
        byte[] broken = whole.clone();
        broken[broken.length / 2] ^= 1;
        Files.write(blob, broken);
        Berth.Result result = image("verify", name);
        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.out()).contains(name + ": sha256:" + id + " has the digest");
        Files.write(blob, whole);
        assertThat(image("verify", name).exit()).isZero();
        image("rm", name).text();
    }

    @Test
    void whatIsSavedIsReadByOthersAndLoadedAgain() {
        Path archive = berth.folder().resolve("saved.tar");
        String name = fresh("saved");
        image("save", "-o", archive.toString(), name).text();
        if (Files.isExecutable(Path.of("/usr/bin/skopeo"))) {
            assertThat(Berth.run(List.of("/usr/bin/skopeo", "inspect", "--config", "oci-archive:" + archive))
                            .text())
                    .contains("FRESH=saved");
        }
        image("rm", name).text();
        assertThat(image("load", "--quiet", "-i", archive.toString()).text()).contains(name);
        assertThat(image("verify", name).text()).contains("whole");
        Berth.Result missing =
                image("load", "-i", berth.folder().resolve("none.tar").toString());
        assertThat(missing.exit()).isEqualTo(1);
        assertThat(missing.err()).contains("there is no such file");
        Berth.Result unknown =
                image("save", "-o", berth.folder().resolve("x.tar").toString(), "nothing:1");
        assertThat(unknown.exit()).isEqualTo(1);
        assertThat(berth.folder().resolve("x.tar")).doesNotExist();
        image("rm", name).text();
    }

    @Test
    void whatNobodyUsesIsPruned() {
        String name = fresh("prunable");
        assertThat(image("prune", "--dry-run").text()).doesNotContain(name);
        assertThat(image("prune", "--all", "--dry-run", "--namespace", "btempty")
                        .text())
                .contains("Nothing to remove");
        assertThat(image("prune", "--all", "--dry-run").text()).contains("would remove " + name, "would be freed");
        assertThat(image("ls", "--quiet").text()).contains(name);
    }
}

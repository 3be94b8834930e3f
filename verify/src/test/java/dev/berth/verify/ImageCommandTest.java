package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.luben.zstd.Zstd;
import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** {@code berth image}, typed against a daemon that runs. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class ImageCommandTest {
    private static final Path SCRIPT = Path.of("/usr/bin/script");

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
        return Berth.run(command(words));
    }

    private List<String> command(String... words) {
        var command = new ArrayList<>(List.of(Project.ROOT.resolve("berth").toString(), "image"));
        command.addAll(List.of(words));
        command.addAll(List.of("--config", berth.config().toString()));
        return command;
    }

    /** Runs a command on a terminal; when it shows this, somebody types the answer. */
    private Berth.Result typed(String question, String answer, String... words)
            throws IOException, InterruptedException {
        return typedOn("xterm", question, answer, words);
    }

    private Berth.Result typedOn(String terminal, String question, String answer, String... words)
            throws IOException, InterruptedException {
        Assumptions.assumeTrue(Files.isExecutable(SCRIPT), "script is not installed");
        Path shown = Files.createTempFile(berth.folder(), "shown", "");
        var builder = new ProcessBuilder(SCRIPT.toString(), "-qec", String.join(" ", command(words)), "/dev/null")
                .redirectErrorStream(true)
                .redirectOutput(shown.toFile());
        builder.environment().put("TERM", terminal);
        Process process = builder.start();
        try (OutputStream keys = process.getOutputStream()) {
            if (!question.isEmpty()) {
                Berth.until(
                        "it asks " + question,
                        Berth.LIMIT,
                        () -> Berth.read(shown).contains(question) || !process.isAlive());
                keys.write((answer + "\n").getBytes(StandardCharsets.UTF_8));
                keys.flush();
            }
            assertThat(Berth.ended(process)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        return new Berth.Result(process.exitValue(), Berth.read(shown), "");
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
        Berth.Result elsewhere = image("load", "--quiet", "--platform", "linux/s390x", "-i", archive.toString());
        assertThat(elsewhere.exit()).isEqualTo(1);
        assertThat(elsewhere.out()).as("it is loaded all the same").contains(name);
        assertThat(elsewhere.err()).contains("nothing of it is here for linux/s390x, only for");
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
    void whatCannotBeWrittenIsNoSuccess() {
        String name = fresh("unwritten");
        for (List<String> command : List.of(
                command("ls"), command("ls", "--format", "json"), command("history", name), command("save", name))) {
            var full = new ArrayList<>(List.of("/bin/sh", "-c", "exec \"$@\" > /dev/full", "sh"));
            full.addAll(command);
            Berth.Result cut = Berth.run(full);
            assertThat(cut.exit()).as(command.toString()).isEqualTo(1);
            assertThat(cut.err()).contains("standard output: it takes no more");
        }
        Berth.Result nowhere = image("save", "-o", berth.folder() + "/none/x.tar", name);
        assertThat(nowhere.exit()).isEqualTo(1);
        assertThat(nowhere.err()).contains("there is no folder " + berth.folder() + "/none. Make it first");
        image("rm", name).text();
    }

    @Test
    void anArchiveMayBeADirectoryOrPacked() throws IOException {
        String name = fresh("layout");
        Path layout = berth.folder().resolve("layout");
        image("save", "--quiet", "-o", layout + "/", name).text();
        assertThat(layout.resolve("oci-layout")).isRegularFile();
        Berth.Result again = image("save", "-o", layout.toString(), name);
        assertThat(again.exit()).isEqualTo(1);
        assertThat(again.err()).contains("the directory is not empty", "Name another one");
        Berth.Result unknown = image("save", "-o", berth.folder() + "/none/", "nothing:1");
        assertThat(unknown.exit()).isEqualTo(1);
        if (Files.isExecutable(Path.of("/usr/bin/skopeo"))) {
            assertThat(Berth.run(List.of("/usr/bin/skopeo", "inspect", "--config", "oci:" + layout))
                            .text())
                    .contains("FRESH=layout");
        }
        image("rm", name).text();
        assertThat(image("load", "--quiet", "-i", layout.toString()).text()).contains(name);
        for (String packing : List.of("gzip", "zstd")) {
            Path archive = berth.folder().resolve(packing);
            image("save", "--quiet", "--compress", packing, "-o", archive.toString(), name)
                    .text();
            assertThat(Berth.run(List.of(packing, "-tqdc", archive.toString())).exit())
                    .isZero();
            image("rm", name).text();
            assertThat(image("load", "--quiet", "-i", archive.toString()).text())
                    .contains(name);
        }
        assertThat(image("save", "--compress", "lz4", name).exit()).isEqualTo(2);
        Berth.Result other = image(
                "load", "-i", Files.createDirectory(layout.resolve("other")).toString());
        assertThat(other.exit()).isEqualTo(1);
        assertThat(other.err()).contains("neither oci-layout nor manifest.json").doesNotContain("\tat ");
        try (Stream<Path> all = Files.list(berth.folder())) {
            assertThat(all.map(path -> path.getFileName().toString()))
                    .as("no part is left")
                    .noneMatch(file -> file.startsWith("layout.") || file.startsWith("none"));
        }
        image("rm", name).text();
    }

    @Test
    void whatAContainerUsesStaysUnlessForced() {
        String name = berth.image("busybox");
        String id = berth.crictl("images", "-q", name).text().strip();
        try (var pods = new GrpcPods(berth)) {
            String container =
                    pods.create(pods.run("uses"), pods.container("main", "true").build());
            Berth.Result used = image("rm", name);
            assertThat(used.exit()).isEqualTo(1);
            assertThat(used.err()).contains("container " + container + " uses it", "add --force");
            assertThat(image("prune", "--all", "--dry-run").text()).doesNotContain(name);
            image("tag", name, "second.example/name:1").text();
            Berth.Result several = image("rm", id);
            assertThat(several.exit()).isEqualTo(1);
            assertThat(several.err()).contains("it has several names", "second.example/name:1");
            assertThat(image("rm", "second.example/name:1").text()).contains("second.example/name:1");
            assertThat(image("rm", "--force", id).text()).contains(name);
            assertThat(image("ls", "--quiet").text()).doesNotContain(name);
            pods.start(container);
            pods.removeAll();
        }
        image("pull", "--quiet", name).text();
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

    @Test
    void whoSitsAtATerminalIsAskedBeforeAnythingIsPruned() throws Exception {
        String name = fresh("asked");
        String[] pull = {"pull", "--quiet", "--namespace", "btprune", name};
        String[] prune = {"prune", "--all", "--namespace", "btprune"};
        image(pull).text();
        Berth.Result no = typed("[y/N]", "n", prune);
        assertThat(no.exit()).isEqualTo(1);
        assertThat(no.out()).contains("  " + name, "names? [y/N]").doesNotContain("removed");
        assertThat(image("ls", "--quiet", "--namespace", "btprune").text()).contains(name);
        Berth.Result yes = typed("[y/N]", "yes", prune);
        assertThat(yes.exit()).as(yes.out()).isZero();
        assertThat(yes.out()).contains("removed " + name, "Freed ");
        image(pull).text();
        Berth.Result sure = typed("", "", "prune", "--all", "--force", "--namespace", "btprune");
        assertThat(sure.out()).contains("removed " + name).doesNotContain("[y/N]");
        image(pull).text();
        assertThat(image(prune).text()).as("nobody sits there").contains("removed " + name);
        image("rm", name).text();
    }

    @Test
    void aTerminalShowsABarForEachLayer() throws Exception {
        var own =
                new LayerBuilder().file("etc/bars", 0644, "of this image only").gzip(); // what is there is not told of
        berth.registry().add("bars", "latest", Busybox.image().layer(own).build());
        Berth.Result bars = typed("", "", "pull", berth.image("bars"));
        assertThat(bars.exit()).as(bars.out()).isZero();
        assertThat(bars.out())
                .containsPattern("[0-9a-f]{12} \\[={24}] ")
                .contains("1 of 1 layers done", "\u001b[K", berth.image("bars") + " sha256:");
        image("rm", berth.image("bars")).text();
        Berth.Result plain = typedOn("dumb", "", "", "pull", berth.image("bars"));
        assertThat(plain.out()).contains("layer ").doesNotContain("\u001b");
        image("rm", berth.image("bars")).text();
        Path told = berth.folder().resolve("told");
        assertThat(typed("", "", "pull", berth.image("bars"), "2>", told.toString())
                        .exit())
                .isZero();
        assertThat(Berth.read(told)).contains("layer ").doesNotContain("\u001b");
        image("rm", berth.image("bars")).text();
        Berth.Result lines = image("pull", berth.image("bars"));
        assertThat(lines.err()).contains("layer ").doesNotContain("\u001b");
        image("rm", berth.image("bars")).text();
        assertThat(image("pull", "--quiet", berth.image("bars")).err()).isEmpty();
        image("rm", berth.image("bars")).text();
    }

    /** Lets only one user in. */
    private static final class Guard extends Filter {
        @Override
        public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
            String login = Base64.getEncoder().encodeToString("me:secret".getBytes(StandardCharsets.UTF_8));
            if (("Basic " + login).equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                chain.doFilter(exchange);
            } else {
                exchange.getResponseHeaders().set("WWW-Authenticate", "Basic realm=\"test\"");
                exchange.sendResponseHeaders(401, -1);
                exchange.close();
            }
        }

        @Override
        public String description() {
            return "one user";
        }
    }

    @Test
    void aLoginIsGivenTypedOrReadFromTheInput() throws Exception {
        try (ServedRegistry registry = ServedRegistry.start(new Guard())) {
            berth.trust(registry.authority());
            registry.add("own", "latest", Busybox.image().env("FRESH=own").build());
            String name = registry.authority() + "/own:latest";
            assertThat(image("pull", name).exit()).isEqualTo(1);
            Berth.Result wrong = image("pull", "--user", "me:wrong", name);
            assertThat(wrong.exit()).isEqualTo(1);
            assertThat(wrong.err()).doesNotContain("me:wrong");
            assertThat(image("pull", "--quiet", "--user", "me:secret", name).text())
                    .isEqualTo(name);
            image("rm", name).text();
            Path password = Files.writeString(berth.folder().resolve("password"), "secret\n");
            var command = new ArrayList<>(
                    List.of("sh", "-c", "input=$1; shift; exec \"$@\" <\"$input\"", "sh", password.toString()));
            command.addAll(command("pull", "--quiet", "-u", "me", name));
            assertThat(Berth.run(command).text()).isEqualTo(name);
            image("rm", name).text();
            Berth.Result typed = typed("Password of me: ", "secret", "pull", "--user", "me", name);
            assertThat(typed.exit()).as(typed.out()).isZero();
            assertThat(typed.out()).contains(name + " sha256:").doesNotContain("secret");
            image("rm", name).text();
        }
    }

    @Test
    void layersPackedWithZstdAreVerifiedToo() throws IOException {
        byte[] plain = new LayerBuilder()
                .file("text", 0644, "packed otherwise\n".repeat(1000))
                .plainBytes();
        byte[] packed = Zstd.compress(plain);
        berth.registry()
                .add(
                        "zstd",
                        "latest",
                        new ImageBuilder()
                                .layer(new LayerBuilder()
                                        .file("text", 0644, "packed otherwise\n".repeat(1000))
                                        .packed(MediaTypes.OCI_LAYER_ZSTD, packed))
                                .build());
        String name = berth.image("zstd");
        image("pull", "--quiet", name).text();
        assertThat(image("verify", name).text()).contains("whole, for [linux/amd64]", "4 blobs");
        Path blob =
                berth.root().resolve("blobs/sha256").resolve(Digest.of(packed).hex());
        byte[] broken = packed.clone();
        broken[broken.length / 2] ^= 1;
        Files.write(blob, broken);
        Berth.Result result = image("verify", name);
        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.out()).contains("layer " + Digest.of(packed));
        Files.write(blob, packed);
        assertThat(image("verify", name).exit()).isZero();
        image("rm", name).text();
    }

    @Test
    void whatIsChangedInAMountIsGoneWithIt() throws IOException {
        Path folder = Files.createDirectories(berth.folder().resolve("changed"));
        String name = berth.image("busybox");
        try {
            image("mount", "--rw", name, folder.toString()).text();
            Files.delete(folder.resolve("bin/busybox"));
            Files.writeString(folder.resolve("new"), "text");
        } finally {
            image("unmount", folder.toString());
        }
        try {
            image("mount", "--rw", name, folder.toString()).text();
            assertThat(folder.resolve("bin/busybox")).exists();
            assertThat(folder.resolve("new")).doesNotExist();
        } finally {
            image("unmount", folder.toString());
        }
        assertThat(image("verify", name).exit()).isZero();
    }
}

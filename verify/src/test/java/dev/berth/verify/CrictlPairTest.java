package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** All commands of crictl, at Berth and at containerd: what an operator sees is the same. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class CrictlPairTest {
    private static final List<CrictlMask> REFUSED = List.of(CrictlMask.REASON);

    private static final List<CrictlMask> STATUS =
            List.of(CrictlMask.USER_SPECIFIED_IMAGE, CrictlMask.SWAP_LIMIT_NOT_ASKED_FOR);
    private static final List<CrictlMask> IMAGES =
            List.of(CrictlMask.PINNED, CrictlMask.IMAGE_SIZE, CrictlMask.IMAGE_SPEC);

    private static final List<String> ONLY_OURS_OF_FILESYSTEMS =
            List.of("\\.status\\.containerFilesystems\\[].*"); // containerd tells only half of it

    /** What the two know of themselves and not of pods is their own; so are settings that were not given, which Berth shows empty. */
    private static final List<String> ONLY_OURS_OF_NODE = List.of("\\.config\\..*", "\\.runtime\\.(crun|runc): .*");

    private static final List<String> ONLY_THEIRS_OF_NODE =
            List.of("\\.cniconfig\\b.*", "\\.config\\..*", "\\.golang: .*", "\\.lastCNILoadStatus\\.default: .*");
    private static final List<String> ONLY_OURS_OF_POD =
            List.of("\\.(networkNamespace|timeline): text", "\\.info\\.runtimeHandler: text");
    private static final List<String> ONLY_THEIRS_OF_POD =
            List.of( // its sandbox has a process with an image and a root
                    "\\.info\\.(image|runtimeType|snapshotKey): text",
                    "\\.info\\.runtimeOptions\\b.*",
                    "\\.info\\.sandboxMetadata\\b.*",
                    "\\.info\\.runtimeSpec\\..*",
                    "\\.info\\.cniResult\\..*");
    private static final List<String> ONLY_OURS_OF_CONTAINER =
            List.of("\\.(pid|snapshot|timeline): text", "\\.info\\.runtimeHandler: text", "\\.info\\.runtimeSpec\\..*");
    private static final List<String> ONLY_THEIRS_OF_CONTAINER =
            List.of("\\.info\\.runtimeType: text", "\\.info\\.runtimeOptions\\b.*");

    /** Conditions by which a kubelet decides; containerd has one more, about its own settings. */
    private static final String CONDITIONS = "{{range .status.conditions}}{{if or (eq .type \"RuntimeReady\")"
            + " (eq .type \"NetworkReady\")}}{{.type}} {{.status}} {{.reason}}{{.message}}, {{end}}{{end}}";

    private CrictlPair pair;
    private String image;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CrictlPair.start();
        image = pair.berth().image("busybox");
        pair.same("pull", image);
        pair.same("pull", pair.berth().image("pause")); // containerd has it for its sandboxes
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            pair.close();
        }
    }

    private void pod(String name) throws IOException {
        pod(name, "");
    }

    private void pod(String name, String cgroup) throws IOException {
        pair.file(name + "-pod", """
                {"metadata": {"name": "%1$s", "namespace": "default", "uid": "uid-%1$s", "attempt": 2},
                 "log_directory": "{logs}", "labels": {"app": "%1$s"}, "annotations": {"note": "of %1$s"},
                 "linux": {"cgroup_parent": "%2$s", "security_context": {"namespace_options": {"pid": 1}}}}""".formatted(name, cgroup));
        pair.keep(name, "runp", "{" + name + "-pod}");
    }

    private void container(String pod, String name, String script) throws IOException {
        pair.file(name + "-container", """
                {"metadata": {"name": "%1$s", "attempt": 1}, "image": {"image": "%2$s"}, "command": ["sh", "-c", "%3$s"],
                 "log_path": "%1$s.log", "labels": {"role": "%1$s"}, "annotations": {"note": "of %1$s"},
                 "envs": [{"key": "A", "value": "b"}],
                 "mounts": [{"container_path": "/host", "host_path": "/usr", "readonly": true}],
                 "linux": {"resources": {"cpu_shares": 512, "memory_limit_in_bytes": 67108864}}}""".formatted(name, image, script));
        pair.keep(name, "create", "{" + pod + "}", "{" + name + "-container}", "{" + pod + "-pod}");
    }

    private void remove(String pod) {
        pair.same("rmp", "-f", "{" + pod + "}");
    }

    private void awaitState(String container, String state) throws InterruptedException {
        for (CrictlPair.Side side : List.of(pair.ours(), pair.theirs())) {
            Berth.until(
                    container + " is " + state,
                    Berth.LIMIT,
                    () -> side.run("inspect", "-q", "{" + container + "}").out().contains(state));
        }
    }

    @Test
    void theDaemonItself() {
        pair.same(List.of(CrictlMask.RUNTIME_NAME), "version");
        pair.same("runtime-config");
        pair.same("info", "-o", "go-template", "--template", CONDITIONS);
        pair.shape(ONLY_OURS_OF_NODE, ONLY_THEIRS_OF_NODE, "info");
        pair.same("completion", "bash");
        pair.same("completion", "zsh");
        pair.same("update-runtime-config", "--pod-cidr", "10.87.253.0/24");
    }

    @Test
    void everyCommandHasACase() throws IOException {
        var cases = new StringBuilder();
        for (Class<?> tests : List.of(CrictlPairTest.class, CrictlStreamsPairTest.class)) {
            cases.append(Files.readString(Project.ROOT.resolve(
                    "verify/src/test/java/" + tests.getName().replace('.', '/') + ".java")));
        }
        String help = pair.same("help").out();
        List<String> commands =
                lines(help.substring(help.indexOf("COMMANDS:"), help.indexOf("GLOBAL OPTIONS:")), COMMAND);
        assertThat(commands).hasSize(35); // and help itself
        for (String command : commands) {
            assertThat(cases)
                    .as("a case of crictl " + command)
                    .containsPattern("((same|shape|compared?)\\([^\";]*|keep\\([^;,]*, )\"" + command + "\"[,)]");
        }
    }

    @Test
    void theClientsOwnSettings() {
        pair.same("config", "--list");
        pair.same("config", "--get", "timeout");
        pair.same("config", "--set", "timeout=181,debug=false");
        pair.same("config", "--get", "timeout");
        pair.same("config", "--get", "nothing-of-this-name");
        pair.same("config", "--set", "timeout=soon");
        pair.same("config", "timeout", "182");
        pair.same("config", "--list");
    }

    @Test
    void imagesAndTheirFileSystem() {
        pair.same("images");
        pair.same("images", "-q");
        pair.same("images", "--digests", "--no-trunc");
        pair.same(IMAGES, "images", "-o", "json");
        pair.same(IMAGES, "images", "-o", "yaml");
        pair.same(IMAGES, "images", "-v");
        pair.same(IMAGES, "inspecti", "-q", image);
        pair.shape(ONLY_OURS_OF_FILESYSTEMS, List.of(), "imagefsinfo");
        pair.shape(List.of("\\.status\\.spec\\b.*"), List.of(), "inspecti", image);
        for (String path : List.of("chainID", "imageSpec.config.Env", "imageSpec.rootfs.diff_ids", "imageSpec")) {
            pair.same("inspecti", "-o", "go-template", "--template", "{{.info." + path + "}}", image);
        }
        String other = pair.berth().image("other");
        pair.same("pull", "-q", other);
        pair.same("rmi", other);
        pair.same("inspecti", other);
        pair.same(REFUSED, "pull", pair.berth().image("nothing-of-this-name"));
        pair.same("rmi", pair.berth().image("nothing-of-this-name"));
    }

    @Test
    void podsFromRunToRemoval() throws IOException {
        pod("pods");
        pair.same(List.of(CrictlMask.AGE), "pods", "--id", "{pods}");
        pair.same(List.of(CrictlMask.AGE), "pods", "-v", "--name", "pods");
        pair.same("pods", "-o", "json", "--label", "app=pods");
        pair.same(List.of(CrictlMask.EMPTY_INFO, CrictlMask.ADDRESS), "inspectp", "-q", "{pods}");
        pair.same(REFUSED, "runp", "{pods-pod}");
        pair.same("stopp", "{pods}");
        pair.same(List.of(CrictlMask.AGE), "pods", "--id", "{pods}");
        pair.same("stopp", "{pods}");
        pair.same(List.of(CrictlMask.EMPTY_INFO), "inspectp", "-q", "{pods}");
        pair.same("rmp", "{pods}");
        pair.same("pods", "--id", "{pods}");
        pair.same(REFUSED, "inspectp", "{pods}");
        pair.same(REFUSED, "rmp", "{pods}");
    }

    @Test
    void containersFromCreationToRemoval() throws IOException, InterruptedException {
        pod("life");
        container(
                "life",
                "first",
                "trap 'exit 3' TERM; echo out; echo err >&2; while [ ! -e /more ]; do sleep 0.1; done; echo last;"
                        + " while :; do sleep 0.1; done");
        pair.same(List.of(CrictlMask.AGE), "ps", "-a", "--pod", "{life}");
        pair.same(STATUS, "inspect", "-q", "{first}");
        pair.same(REFUSED, "exec", "-s", "{first}", "true");
        pair.same("start", "{first}");
        awaitState("first", "CONTAINER_RUNNING");
        pair.same(List.of(CrictlMask.AGE), "ps", "--pod", "{life}");
        pair.same("ps", "-o", "json", "--pod", "{life}");
        pair.same(STATUS, "inspect", "-q", "{first}");
        pair.same(STATUS, "inspect", "-q", "-o", "yaml", "{first}");
        pair.same(REFUSED, "start", "{first}");
        pair.same("update", "--memory", "50331648", "--cpu-share", "256", "{first}");
        pair.same(STATUS, "inspect", "-q", "{first}");
        awaitLogged("out", "err"); // one may come before the other
        pair.same("logs", "{first}");
        pair.same("exec", "-s", "{first}", "touch", "/more");
        awaitLogged("last", "");
        pair.same("logs", "--tail", "1", "{first}");
        pair.same("stop", "--timeout", "20", "{first}");
        pair.same(List.of(CrictlMask.AGE), "ps", "-a", "--pod", "{life}");
        pair.same(STATUS, "inspect", "-q", "{first}");
        pair.same(List.of(CrictlMask.AMOUNT), "stats", "-a", "{first}");
        pair.same("stop", "{first}");
        pair.same(REFUSED, "exec", "-s", "{first}", "true");
        pair.same("rm", "{first}");
        pair.same(REFUSED, "inspect", "{first}");
        pair.same(REFUSED, "rm", "{first}");
        remove("life");
    }

    private void awaitLogged(String out, String err) throws InterruptedException {
        for (CrictlPair.Side side : List.of(pair.ours(), pair.theirs())) {
            Berth.until("it has logged " + out + err, Berth.LIMIT, () -> {
                Berth.Result logs = side.run("logs", "{first}");
                return logs.out().contains(out) && logs.err().contains(err);
            });
        }
    }

    @Test
    void commandsAndPorts() throws IOException {
        pod("exec");
        container("exec", "shell", "exec sleep 10000");
        pair.same("start", "{shell}");
        pair.same("exec", "-s", "{shell}", "sh", "-c", "echo out; echo err >&2");
        pair.same("exec", "-s", "{shell}", "sh", "-c", "exit 7");
        pair.same("exec", "{shell}", "sh", "-c", "echo out; echo err >&2");
        pair.same("exec", "{shell}", "sh", "-c", "exit 7");
        pair.same("exec", "{shell}", "cat", "/etc/hostname", "/proc/self/comm");
        pair.same(REFUSED, "exec", "-s", "--timeout", "1", "{shell}", "sleep", "20");
        pair.same(REFUSED, "exec", "{nothing}", "true");
        pair.same(REFUSED, "attach", "{nothing}");
        pair.same(REFUSED, "port-forward", "{nothing}", "1:1");
        pair.same("checkpoint", "{shell}");
        assertThat(pair.ours()
                        .run("checkpoint", "--export", "{logs}/checkpoint.tar", "{shell}")
                        .err())
                .as("the default runtime is built without it, which is not so of the other's")
                .containsIgnoringCase("criu");
        remove("exec");
    }

    @Test
    void whatScriptsReadOfVerboseAnswers() throws IOException {
        pod("verbose");
        container("verbose", "told", "exec sleep 10000");
        pair.same("start", "{told}");
        pair.shape(ONLY_OURS_OF_CONTAINER, ONLY_THEIRS_OF_CONTAINER, "inspect", "{told}");
        pair.shape(ONLY_OURS_OF_POD, ONLY_THEIRS_OF_POD, "inspectp", "{verbose}");
        for (String path : List.of(
                ".info.sandboxID",
                ".info.snapshotKey",
                ".info.snapshotter",
                ".info.removing",
                ".info.config.metadata.name",
                ".info.config.image.image",
                ".info.config.labels",
                ".info.config.annotations",
                ".info.config.log_path",
                ".info.config.envs",
                ".info.runtimeSpec.process.args",
                ".info.runtimeSpec.process.cwd")) {
            pair.same("inspect", "-o", "go-template", "--template", "{{" + path + "}}", "{told}");
        }
        for (String path : List.of(
                ".info.processStatus",
                ".info.netNamespaceClosed",
                ".info.config.metadata.uid",
                ".info.config.log_directory",
                ".info.config.linux.security_context.namespace_options.pid",
                ".info.config.labels")) {
            pair.same("inspectp", "-o", "go-template", "--template", "{{" + path + "}}", "{verbose}");
        }
        for (CrictlPair.Side side : List.of(pair.ours(), pair.theirs())) {
            long pid = Long.parseLong(side.run("inspect", "-o", "go-template", "--template", "{{.info.pid}}", "{told}")
                    .text());
            assertThat(Berth.read(Path.of("/proc/" + pid + "/cmdline"))).contains("sleep");
            String network = side.run(
                            "inspectp",
                            "-o",
                            "go-template",
                            "--template",
                            "{{range .info.runtimeSpec.linux.namespaces}}{{if eq .type \"network\"}}{{.path}}{{end}}{{end}}",
                            "{verbose}")
                    .text();
            assertThat(Path.of(network)).exists();
            assertThat(side.run(
                                    "info",
                                    "-o",
                                    "go-template",
                                    "--template",
                                    "{{.lastCNILoadStatus}} {{.config.stateDir}}")
                            .text())
                    .startsWith("OK /");
        }
        remove("verbose");
    }

    /** By the image's id, which the status shows by its name, and confined. */
    @Test
    void aContainerAsTheKubeletAsksForIt() throws IOException {
        pod("kubelet");
        String id = pair.ours()
                .run("inspecti", "-o", "go-template", "--template", "{{.status.id}}", image)
                .text();
        pair.file("confined-container", """
                {"metadata": {"name": "confined"}, "image": {"image": "%s"}, "command": ["sleep", "10000"],
                 "devices": [{"container_path": "/dev/mine", "host_path": "/dev/zero", "permissions": "r"}],
                 "linux": {"resources": {"cpu_shares": 512, "cpuset_cpus": "0"}, "security_context": {
                  "capabilities": {"drop_capabilities": ["ALL"]}, "run_as_user": {"value": 1000}, "supplemental_groups": [7],
                  "no_new_privs": true, "masked_paths": ["/proc/kcore"], "namespace_options": {"pid": 1}}}}""".formatted(id));
        pair.keep("confined", "create", "{kubelet}", "{confined-container}", "{kubelet-pod}");
        pair.same(STATUS, "inspect", "-q", "{confined}");
        pair.same("ps", "-a", "-o", "json", "--id", "{confined}");
        for (String path : List.of("config.linux", "config.devices", "config.image.image")) {
            pair.same("inspect", "-o", "go-template", "--template", "{{.info." + path + "}}", "{confined}");
        }
        remove("kubelet");
    }

    @Test
    void runInOneGo() throws IOException {
        pod("unused");
        pair.file("once-container", """
                {"metadata": {"name": "once"}, "image": {"image": "%s"}, "command": ["sleep", "10000"], "log_path": "once.log"}
                """.formatted(image));
        pair.file("once-pod", """
                {"metadata": {"name": "once", "namespace": "default", "uid": "uid-once"}, "log_directory": "{logs}"}""");
        pair.keep("once", "run", "{once-container}", "{once-pod}");
        pair.same(List.of(CrictlMask.AGE), "ps", "--name", "once");
        for (CrictlPair.Side side : List.of(pair.ours(), pair.theirs())) {
            side.run("rmp", "-fa");
        }
        pair.same("pods");
    }

    @Test
    void statistics() throws IOException, InterruptedException {
        String cgroup = pair.folder().getFileName().toString();
        try {
            statistics("/" + cgroup);
        } finally {
            pair.ours().run("rmp", "-f", "{stats}");
            pair.theirs().run("rmp", "-f", "{stats}");
            try (Stream<Path> trees = Files.list(Path.of("/sys/fs/cgroup"))) {
                trees.map(tree -> tree.resolve(cgroup).toFile()).forEach(File::delete);
            }
        }
    }

    /** @param cgroup of the pods, as a kubelet makes them; without one containerd has no statistics of a pod */
    private void statistics(String cgroup) throws IOException, InterruptedException {
        pod("stats", cgroup);
        container("stats", "user", "exec sleep 10000");
        pair.same("start", "{user}");
        awaitState("user", "CONTAINER_RUNNING");
        pair.same(List.of(CrictlMask.AMOUNT), "stats", "{user}");
        pair.same(List.of(CrictlMask.AMOUNT), "statsp", "--id", "{stats}");
        pair.shape(List.of("\\.stats\\[]\\.swap\\b.*"), List.of(), "stats", "-o", "json", "{user}");
        pair.shape(
                List.of("\\.stats\\[]\\.linux\\.containers\\[]\\.swap\\b.*"),
                List.of(
                        "\\.stats\\[]\\.linux\\.memory\\.availableBytes\\b.*", // of what nobody has limited
                        "\\.stats\\[]\\.linux\\.network\\.interfaces\\[].*"), // the default one is not said twice
                "statsp",
                "-o",
                "json",
                "{stats}");
        pair.shape(List.of(), List.of(), "metricdescs");
        pair.shape(List.of(), List.of(), "metricsp");
        assertThat(lines(pair.ours().run("metricdescs").text(), METRIC))
                .containsAll(lines(pair.theirs().run("metricdescs").text(), METRIC));
        assertThat(lines(pair.ours().run("metricsp").text(), METRIC))
                .containsAll(lines(pair.theirs().run("metricsp").text(), METRIC));
    }

    private static final Pattern COMMAND = Pattern.compile("(?m)^   ([a-z-]+)");
    private static final Pattern METRIC = Pattern.compile("\"(container_\\w+)\"");

    private static List<String> lines(String text, Pattern pattern) {
        return pattern.matcher(text)
                .results()
                .map(match -> match.group(1))
                .distinct()
                .toList();
    }
}

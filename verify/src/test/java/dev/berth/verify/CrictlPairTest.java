package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
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
        pair.file(name + "-pod", """
                {"metadata": {"name": "%1$s", "namespace": "default", "uid": "uid-%1$s", "attempt": 2},
                 "log_directory": "{logs}", "labels": {"app": "%1$s"}, "annotations": {"note": "of %1$s"},
                 "linux": {"security_context": {"namespace_options": {"pid": 1}}}}""".formatted(name));
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
        pair.same("completion", "bash");
        pair.same("help");
        pair.same("update-runtime-config", "--pod-cidr", "10.87.253.0/24");
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
        for (CrictlPair.Side side : List.of(pair.ours(), pair.theirs())) { // containerd tells only half of it
            assertThat(side.run("imagefsinfo").text()).contains("imageFilesystems", "mountpoint", "usedBytes");
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
        pair.same(REFUSED, "checkpoint", "{nothing}");
        remove("exec");
    }

    @Test
    void whatScriptsReadOfVerboseAnswers() throws IOException {
        pod("verbose");
        container("verbose", "told", "exec sleep 10000");
        pair.same("start", "{told}");
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
        pod("stats");
        container("stats", "user", "exec sleep 10000");
        pair.same("start", "{user}");
        awaitState("user", "CONTAINER_RUNNING");
        pair.same(List.of(CrictlMask.AMOUNT), "stats", "{user}");
        assertThat(keys(pair.ours().run("stats", "-o", "json", "{user}").text()))
                .containsAll(
                        keys(pair.theirs().run("stats", "-o", "json", "{user}").text()));
        assertThat(keys(pair.ours().run("statsp", "-o", "json", "{stats}").text()))
                .contains("cpu", "memory", "network", "process", "containers");
        assertThat(lines(pair.ours().run("metricdescs").text(), METRIC))
                .containsAll(lines(pair.theirs().run("metricdescs").text(), METRIC));
        assertThat(lines(pair.ours().run("metricsp").text(), METRIC))
                .containsAll(lines(pair.theirs().run("metricsp").text(), METRIC));
        remove("stats");
    }

    private static final Pattern KEY = Pattern.compile("\"(\\w+)\": ");
    private static final Pattern METRIC = Pattern.compile("\"(container_\\w+)\"");

    private static List<String> keys(String json) {
        return lines(json, KEY);
    }

    private static List<String> lines(String text, Pattern pattern) {
        return pattern.matcher(text)
                .results()
                .map(match -> match.group(1))
                .distinct()
                .toList();
    }
}

package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.berth.linux.Signals;
import dev.berth.wire.shim.cgroups1.Metrics;
import dev.berth.wire.shim.supervisor.EventsRequest;
import dev.berth.wire.shim.task.PauseRequest;
import dev.berth.wire.shim.task.ResumeRequest;
import dev.berth.wire.shim.task.StatsRequest;
import dev.berth.wire.shim.task.StatsResponse;
import dev.berth.wire.shim.task.UpdateTaskRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The proof of the shortcuts: a container looks the same from inside and outside with them and without. */
@Timeout(300)
class ShortcutsTest {
    private static final String LOOK =
            "cat /proc/self/cgroup; grep -E 'Seccomp|Cap|NoNewPrivs|SigBlk|SigIgn' /proc/self/status;"
                    + " for fd in /proc/self/fd/*; do readlink $fd; done; env; id; tr '\\0' ' ' < /proc/1/cmdline;"
                    + " cat /proc/1/oom_score_adj; grep -v ' / / ' /proc/self/mountinfo; cat /proc/self/limits;"
                    + " mkdir /tmp/denied; touch /tmp/allowed && echo touched";

    private static final String SECCOMP = """
            ,"seccomp":{"defaultAction":"SCMP_ACT_ALLOW",FLAGS
              "syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]}""";

    private static final String RESOURCES = """
            ,"resources":{"devices":[{"allow":false,"access":"rwm"},
                {"allow":true,"type":"c","major":10,"minor":229,"access":"rw"}],
              "memory":{"limit":67108864},"cpu":{"shares":512,"quota":50000,"period":100000},"pids":{"limit":100}}""";

    private static final List<String> FILES = List.of(
            "memory/memory.limit_in_bytes",
            "cpu/cpu.shares",
            "cpu/cpu.cfs_quota_us",
            "cpu/cpu.cfs_period_us",
            "pids/pids.max",
            "cpuset/cpuset.cpus",
            "freezer/freezer.state");

    @TempDir
    static Path root;

    private @Nullable Node running;

    @BeforeAll
    static void makeRoot() throws IOException {
        Busybox.makeRoot(root);
    }

    @AfterEach
    void stop() throws IOException, InterruptedException {
        if (running != null) {
            running.close();
        }
    }

    private Node begin(String... options) throws IOException, InterruptedException {
        running = Node.inside(root, options);
        return running;
    }

    private static String[] without(Shortcut... shortcuts) {
        List<String> options = new ArrayList<>();
        for (Shortcut shortcut : shortcuts) {
            options.addAll(List.of("--without", shortcut.option()));
        }
        return options.toArray(new String[0]);
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void aContainerLooksTheSame(String runtime) throws Exception {
        Node node = begin(without(Shortcut.values()));
        Map<String, String> plain = look(node, runtime);
        node.close();
        node = begin();
        Map<String, String> first = look(node, runtime);
        Map<String, String> second = look(node, runtime); // with what was kept of the first
        assertThat(first).isEqualTo(plain);
        assertThat(second).isEqualTo(plain);
        assertThat(plain.get("inside")).contains("Seccomp:\t2", "touched").contains("can't create directory");
        node.assertNothingLeft();
    }

    /** runc 1.1 refuses flags. */
    private static String seccomp(String runtime) {
        return SECCOMP.replace("FLAGS", runtime.equals("crun") ? "\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"]," : "");
    }

    /** What a container and an exec in it see of themselves, and what the host sees of it. */
    private static Map<String, String> look(Node node, String runtime) throws Exception {
        var container =
                node.container(Busybox.config("sh", "-c", LOOK + "; while [ ! -e /go ]; do sleep 0.02; done; exit 3")
                        .linux(seccomp(runtime) + RESOURCES));
        int pid = node.create(container, runtime);
        node.start(container);
        Path log = node.exec(container, "e1", Busybox.config("sh", "-c", LOOK + "; exit 4"));
        node.start(container, "e1");
        Map<String, String> seen = new TreeMap<>();
        seen.put("exec status", "" + node.await(container, "e1").getExitStatus());
        for (String file : FILES) {
            String[] parts = file.split("/", 2);
            Path path = Path.of("/sys/fs/cgroup", parts[0], node.mark, container.id(), parts[1]);
            seen.put(file, Files.readString(path).strip());
        }
        String devices = Files.readString(Path.of("/sys/fs/cgroup/devices", node.mark, container.id(), "devices.list"));
        assertThat(devices).contains("c 10:229 rw", "c 1:3 rwm", "c 136:* rwm").doesNotContain("a *:*");
        Files.createFile(Path.of("/proc/" + pid + "/root/go"));
        seen.put("status", "" + node.await(container, "").getExitStatus());
        seen.put("inside", neutral(Node.text(container.log()), node, container));
        seen.put("inside exec", neutral(Node.text(log), node, container));
        node.delete(container, "");
        return seen;
    }

    /** Without what differs from container to container, and the tree of cgroup v2 that has no controllers here. */
    private static String neutral(String text, Node node, Node.Container container) {
        return Arrays.stream(text.split("\n", -1))
                .filter(line -> !line.startsWith("0::"))
                .map(line -> line.replace(node.mark, "MARK")
                        .replace(container.id(), "ID")
                        .replaceAll("(pipe|fifo):\\[\\d+\\]", "$1")
                        .replaceAll("/tmp/MARK\\d+", "/tmp/MARK")
                        .replaceAll("/proc/\\d+/fd", "/proc/N/fd")
                        .replaceAll("^\\d+ \\d+ \\d+:\\d+", "mount"))
                .sorted()
                .collect(Collectors.joining("\n"));
    }

    @Test
    void ourOwnCgroupsCanBeChangedPausedAndCounted() throws Exception {
        Node node = begin();
        var container = node.container(Busybox.config("sleep", "1000").linux(RESOURCES));
        node.create(container, "crun");
        node.start(container);
        Path cgroup = Path.of("/sys/fs/cgroup/memory", node.mark, container.id());
        var update = UpdateTaskRequest.newBuilder()
                .setId(container.id())
                .setResources(Any.newBuilder().setValue(ByteString.copyFromUtf8("{\"memory\":{\"limit\":33554432}}")))
                .build();
        node.call("Update", update, com.google.protobuf.Empty.parser());
        assertThat(Files.readString(cgroup.resolve("memory.limit_in_bytes"))).startsWith("33554432");
        var strange = update.toBuilder()
                .setResources(Any.newBuilder().setValue(ByteString.copyFromUtf8("{\"network\":{\"classID\":1}}")))
                .build();
        assertThatThrownBy(() -> node.call("Update", strange, com.google.protobuf.Empty.parser()))
                .hasMessageContaining("UNIMPLEMENTED");
        node.call("Pause", PauseRequest.newBuilder().setId(container.id()).build(), com.google.protobuf.Empty.parser());
        Path freezer = Path.of("/sys/fs/cgroup/freezer", node.mark, container.id(), "freezer.state");
        assertThat(Files.readString(freezer)).startsWith("FROZEN");
        node.call(
                "Resume", ResumeRequest.newBuilder().setId(container.id()).build(), com.google.protobuf.Empty.parser());
        assertThat(Files.readString(freezer)).startsWith("THAWED");
        StatsResponse stats = node.call(
                "Stats", StatsRequest.newBuilder().setId(container.id()).build(), StatsResponse.parser());
        assertThat(stats.getStats().getTypeUrl()).isEqualTo("io.containerd.cgroups.v1.Metrics");
        Metrics metrics = Metrics.parseFrom(stats.getStats().getValue());
        assertThat(metrics.getMemory().getUsage().getLimit()).isEqualTo(33554432);
        assertThat(metrics.getPids().getCurrent()).isEqualTo(1);
        node.kill(container, Signals.KILL);
        node.await(container, "");
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "own-cgroups"})
    void runningOutOfMemoryIsTold(String off) throws Exception {
        Node node = off.isEmpty() ? begin() : begin("--without", off);
        var container = node.container(Busybox.config("tail", "/dev/zero")
                .linux(",\"resources\":{\"memory\":{\"limit\":8388608,\"swap\":8388608}}"));
        node.create(container, "crun");
        node.start(container);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(137);
        assertThat(node.topics(EventsRequest.getDefaultInstance(), 4))
                .containsExactly("/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit");
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @Test
    void nobodyElseGivesAFilter() throws Exception {
        Node node = begin();
        var container = node.container(Busybox.config("sh", "-c", "mkdir /tmp/denied")
                .linux(seccomp("crun"))
                .more(",\"annotations\":{\"run.oci.seccomp_bpf_data\":\"BgAAAAAA/38=\"}")); // allows all
        node.create(container, "crun");
        node.start(container);
        assertThat(node.await(container, "").getExitStatus()).isEqualTo(1);
        assertThat(Node.text(container.log())).contains("can't create directory");
        node.delete(container, "");
    }
}

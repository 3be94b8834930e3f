package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import dev.berth.wire.shim.sandbox.CreateSandboxRequest;
import dev.berth.wire.shim.sandbox.CreateSandboxResponse;
import dev.berth.wire.shim.sandbox.SandboxStatusRequest;
import dev.berth.wire.shim.sandbox.SandboxStatusResponse;
import dev.berth.wire.shim.sandbox.ShutdownSandboxRequest;
import dev.berth.wire.shim.sandbox.ShutdownSandboxResponse;
import dev.berth.wire.shim.sandbox.StartSandboxRequest;
import dev.berth.wire.shim.sandbox.StartSandboxResponse;
import dev.berth.wire.shim.sandbox.StopSandboxRequest;
import dev.berth.wire.shim.sandbox.StopSandboxResponse;
import dev.berth.wire.shim.supervisor.PodOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pods with real containers in them. */
@Timeout(300)
class PodsTest {
    private static final String SANDBOX = "containerd.runtime.sandbox.v1.Sandbox";

    @TempDir
    static Path root;

    private @Nullable Node started;

    @BeforeAll
    static void makeRoot() throws IOException {
        Busybox.makeRoot(root);
    }

    @AfterEach
    void stop() throws IOException, InterruptedException {
        node().close();
    }

    private Node node() {
        return Objects.requireNonNull(started);
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void containersShareWhatBelongsToThePod(String runtime) throws Exception {
        started = Node.inside(root);
        create(options().putSysctls("kernel.shm_rmid_forced", "1").build());
        Map<String, String> info = status().getInfoMap();
        String first = run(runtime, info, "echo here > /dev/shm/note; hostname; cat /proc/sys/kernel/shm_rmid_forced");
        assertThat(first).isEqualTo("inside\n1\n");
        String second = run(runtime, info, "cat /dev/shm/note; readlink /proc/self/ns/ipc; grep shm /proc/mounts");
        assertThat(second).startsWith("here\nipc:[").contains("size=1024k", "nosuid,nodev,noexec");
        assertThat(Files.readString(Path.of("/proc/sys/kernel/shm_rmid_forced")).strip())
                .isEqualTo("0");
        end();
        node().assertNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void containersCanShareProcesses(String runtime) throws Exception {
        started = Node.inside(root);
        create(options().setSharedPid(true).setCgroupParent("/" + node().mark).build());
        assertThat(status().getState()).isEqualTo("SANDBOX_NOTREADY");
        int init = node().call(
                        SANDBOX,
                        "StartSandbox",
                        StartSandboxRequest.newBuilder().setSandboxId("pod").build(),
                        StartSandboxResponse.parser())
                .getPid();
        Map<String, String> info = status().getInfoMap();
        assertThat(status().getState()).isEqualTo("SANDBOX_READY");
        assertThat(run(runtime, info, "cat /proc/1/comm")).isEqualTo("catatonit\n");
        assertThat(Files.readString(Path.of("/proc/" + init + "/comm"))).startsWith("catatonit");
        assertThat(Files.readString(Path.of("/proc/" + init + "/status"))).contains("CapEff:\t0000000000000000");
        end();
        assertThat(Files.exists(Path.of("/proc/" + init))).isFalse();
        node().assertNothingLeft();
    }

    @Test
    void theNextSupervisorTakesPodsOver() throws Exception {
        started = Node.outside(root);
        create(options().setSharedPid(true).setCgroupParent("/" + node().mark).build());
        node().call(
                        SANDBOX,
                        "StartSandbox",
                        StartSandboxRequest.newBuilder().setSandboxId("pod").build(),
                        StartSandboxResponse.parser());
        Map<String, String> before = status().getInfoMap();
        String ipc = run("crun", before, "echo here > /dev/shm/note; readlink /proc/self/ns/ipc");
        node().crash();
        node().launch();
        Map<String, String> after = status().getInfoMap();
        assertThat(status().getState()).isEqualTo("SANDBOX_READY");
        assertThat(after).containsEntry("pid", before.get("pid")).doesNotContainEntry("ipc", before.get("ipc"));
        assertThat(run("crun", after, "readlink /proc/self/ns/ipc; cat /dev/shm/note; hostname"))
                .isEqualTo(ipc + "here\ninside\n");
        end();
        node().assertNothingLeft();
    }

    @Test
    void refusesSettingsOfTheHost() throws Exception {
        started = Node.inside(root);
        for (String name : new String[] {
            "kernel.panic", "vm.swappiness", "net.ipv4.ip_forward", "fs.mqueue/../../kernel/panic", "kernel.hostname"
        }) {
            assertThatThrownBy(() -> create(options().putSysctls(name, "1").build()))
                    .as(name)
                    .hasMessageContaining("INVALID_ARGUMENT");
        }
        assertThatThrownBy(() ->
                        create(options().putSysctls("kernel.domainname", "a\nb").build()))
                .hasMessageContaining("line break");
        assertThatThrownBy(this::status).hasMessageContaining("NOT_FOUND");
        node().assertNothingLeft();
    }

    @Test
    void stoppingAndRemovingMayBeRepeated() throws Exception {
        started = Node.inside(root);
        end();
        create(options().build());
        assertThatThrownBy(() -> create(options().build())).hasMessageContaining("ALREADY_EXISTS");
        stopPod();
        stopPod();
        assertThat(status().getState()).isEqualTo("SANDBOX_NOTREADY");
        end();
        end();
        node().assertNothingLeft();
    }

    private static PodOptions.Builder options() {
        return PodOptions.newBuilder()
                .setNewIpc(true)
                .setNewUts(true)
                .setHostname("inside")
                .setShmSizeBytes(1 << 20);
    }

    private void create(PodOptions options) {
        CreateSandboxRequest request = CreateSandboxRequest.newBuilder()
                .setSandboxId("pod")
                .setOptions(Any.pack(options))
                .build();
        node().call(SANDBOX, "CreateSandbox", request, CreateSandboxResponse.parser());
    }

    private SandboxStatusResponse status() {
        return node().call(
                        SANDBOX,
                        "SandboxStatus",
                        SandboxStatusRequest.newBuilder().setSandboxId("pod").build(),
                        SandboxStatusResponse.parser());
    }

    private void stopPod() {
        node().call(
                        SANDBOX,
                        "StopSandbox",
                        StopSandboxRequest.newBuilder().setSandboxId("pod").build(),
                        StopSandboxResponse.parser());
    }

    private void end() {
        node().call(
                        SANDBOX,
                        "ShutdownSandbox",
                        ShutdownSandboxRequest.newBuilder().setSandboxId("pod").build(),
                        ShutdownSandboxResponse.parser());
    }

    /** Runs a command in a container of the pod and returns what it printed. */
    private String run(String runtime, Map<String, String> info, String script) throws Exception {
        StringBuilder namespaces = new StringBuilder("{\"type\":\"mount\"}");
        for (String type : List.of("ipc", "uts", "pid")) {
            namespaces.append(namespace(type, info.getOrDefault(type, "")));
        }
        var container = node().container(Busybox.config("sh", "-c", script)
                .namespaces(namespaces.toString())
                .mount("/dev/shm", "bind", String.valueOf(info.get("shm")), "rbind", "nosuid", "nodev", "noexec"));
        node().create(container, runtime);
        node().start(container);
        assertThat(node().await(container, "").getExitStatus()).isZero();
        node().delete(container, "");
        return Node.text(container.log());
    }

    private static String namespace(String type, String path) {
        return ",{\"type\":\"" + type + "\"" + (path.isEmpty() ? "" : ",\"path\":\"" + path + "\"") + "}";
    }
}

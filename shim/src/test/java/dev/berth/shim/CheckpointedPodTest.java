package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.protobuf.Any;
import dev.berth.linux.Signals;
import dev.berth.ttrpc.TtrpcStatus;
import dev.berth.wire.shim.options.CheckpointOptions;
import dev.berth.wire.shim.sandbox.CreateSandboxRequest;
import dev.berth.wire.shim.sandbox.CreateSandboxResponse;
import dev.berth.wire.shim.sandbox.SandboxStatusRequest;
import dev.berth.wire.shim.sandbox.SandboxStatusResponse;
import dev.berth.wire.shim.sandbox.ShutdownSandboxRequest;
import dev.berth.wire.shim.sandbox.ShutdownSandboxResponse;
import dev.berth.wire.shim.supervisor.PodOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Containers that share what is their pod's, and their connections: they go on in other pods and other networks. */
class CheckpointedPodTest extends CriuNode {
    private static final String SANDBOX = "containerd.runtime.sandbox.v1.Sandbox";

    @Test
    void aServerGoesOnServingInAnotherNetwork() throws Exception {
        try (var network = new Network();
                var other = new Network()) {
            String script = "busybox nc -l -p 7777; echo served; exit 5";
            var first = node.container(network.joined(Busybox.config("sh", "-c", script)));
            node.create(first, "runc");
            node.start(first);
            network.await("7777");
            node.checkpoint(first, images("images"), ENDS, Node.LIMIT);
            var second = like(first, other.joined(Busybox.config("sh", "-c", script)));
            node.createFrom(images("images"), second, "runc");
            int pid = node.start(second);
            assertThat(Files.readSymbolicLink(Path.of("/proc/" + pid + "/ns/net")))
                    .isEqualTo(Files.readSymbolicLink(other.path()));
            other.run("echo hello | busybox nc 127.0.0.1 7777");
            assertThat(node.await(second, "").getExitStatus()).isEqualTo(5);
            assertThat(lines(second)).containsExactly("hello", "served");
            node.delete(first, "");
            node.delete(second, "");
        }
        node.awaitNothingLeft();
    }

    @Test
    void whatCannotBeWrittenDownRunsOnAndIsTold() throws Exception {
        try (var network = new Network()) {
            String script = "sleep 1000 | busybox nc -l -p 7777 | while read n; do echo $n; done & sleep 0.2;"
                    + " seq 1 100000 | while read n; do echo $n; sleep 0.02; done | busybox nc 127.0.0.1 7777";
            var container = node.container(network.joined(Busybox.config("sh", "-c", script)));
            node.create(container, "runc");
            node.start(container);
            awaitLines(container, 3);
            assertThatThrownBy(() -> node.checkpoint(container, images("one"), RUNS_ON, Node.LIMIT))
                    .isInstanceOf(TtrpcStatus.class)
                    .hasMessageContaining("tcp-established");
            assertRunsOn(container);
            assumeTrue(Files.isExecutable(Path.of("/usr/sbin/iptables-restore")), "needs iptables");
            CheckpointOptions all =
                    CheckpointOptions.newBuilder().setOpenTcp(true).build();
            node.checkpoint(container, images("two"), all, Node.LIMIT);
            assertRunsOn(container);
            end(container);
        }
        node.awaitNothingLeft();
    }

    @Test
    void aContainerOfAPodGoesOnInAnother() throws Exception {
        try (var network = new Network();
                var other = new Network()) {
            Path hosts = Files.writeString(node.directory.resolve("hosts1"), "of the first\n");
            Path otherHosts = Files.writeString(node.directory.resolve("hosts2"), "of the second\n");
            Map<String, String> one = pod("first");
            Map<String, String> two = pod("two");
            var first = node.container(inPod(network, one, hosts));
            node.create(first, "runc");
            node.start(first);
            awaitLines(first, 3);
            node.checkpoint(first, images("images"), ENDS, Node.LIMIT);
            assertThat(node.await(first, "").getExitStatus()).isEqualTo(137);
            var second = like(first, inPod(other, two, otherHosts));
            node.createFrom(images("images"), second, "runc");
            int pid = node.start(second);
            assertCounts(awaitLines(second, 3), lines(first).size() + 1);
            for (String kind : List.of("ipc", "uts")) {
                assertThat(link(Path.of("/proc/" + pid + "/ns/" + kind)))
                        .as(kind)
                        .isEqualTo(link(Path.of(String.valueOf(two.get(kind)))))
                        .isNotEqualTo(link(Path.of(String.valueOf(one.get(kind)))));
            }
            assertThat(link(Path.of("/proc/" + pid + "/ns/net"))).isEqualTo(link(other.path()));
            assertThat(Files.readString(Path.of("/proc/" + pid + "/status")))
                    .contains("NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000200020");
            Path log = node.exec(
                    second, "e", Busybox.config("sh", "-c", "hostname; cat /etc/hosts; cat /proc/timer_list | wc -c"));
            node.start(second, "e");
            assertThat(node.await(second, "e").getExitStatus()).isZero();
            assertThat(Node.text(log)).isEqualTo("two\nof the second\n0\n");
            node.delete(second, "e");
            node.delete(first, "");
            node.kill(second, Signals.KILL);
            node.await(second, "");
            node.delete(second, "");
            end("first");
            end("two");
        }
        node.awaitNothingLeft();
    }

    private static String link(Path path) throws java.io.IOException {
        return Files.getAttribute(path, "unix:dev") + ":" + Files.getAttribute(path, "unix:ino");
    }

    /** As kubelets want containers: confined, with files and shared memory of their pod. */
    private static Busybox.Config inPod(Network network, Map<String, String> pod, Path hosts) {
        return Busybox.config("sh", "-c", COUNTER)
                .namespaces("{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"ipc\",\"path\":\"" + pod.get("ipc")
                        + "\"},{\"type\":\"uts\",\"path\":\"" + pod.get("uts") + "\"},{\"type\":\"network\",\"path\":\""
                        + network.path() + "\"}")
                .mount("/dev/shm", "bind", String.valueOf(pod.get("shm")), "rbind", "nosuid", "nodev", "noexec")
                .mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev")
                .mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro")
                .mount("/etc/hosts", "bind", hosts.toString(), "rbind", "rprivate", "rw")
                .process(",\"noNewPrivileges\":true")
                .linux(",\"maskedPaths\":[\"/proc/timer_list\",\"/proc/kcore\",\"/proc/acpi\",\"/sys/firmware\"],"
                        + "\"readonlyPaths\":[\"/proc/bus\",\"/proc/sys\",\"/proc/sysrq-trigger\"],"
                        + "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"reboot\"],"
                        + "\"action\":\"SCMP_ACT_ERRNO\"}]}");
    }

    private Map<String, String> pod(String name) {
        PodOptions options = PodOptions.newBuilder()
                .setNewIpc(true)
                .setNewUts(true)
                .setHostname(name)
                .setShmSizeBytes(1 << 20)
                .build();
        CreateSandboxRequest request = CreateSandboxRequest.newBuilder()
                .setSandboxId(name)
                .setOptions(Any.pack(options))
                .build();
        node.call(SANDBOX, "CreateSandbox", request, CreateSandboxResponse.parser());
        return node.call(
                        SANDBOX,
                        "SandboxStatus",
                        SandboxStatusRequest.newBuilder().setSandboxId(name).build(),
                        SandboxStatusResponse.parser())
                .getInfoMap();
    }

    private void end(String pod) {
        node.call(
                SANDBOX,
                "ShutdownSandbox",
                ShutdownSandboxRequest.newBuilder().setSandboxId(pod).build(),
                ShutdownSandboxResponse.parser());
    }

    /** A network namespace with a loopback device, for as long as a process is in it. */
    private static final class Network implements AutoCloseable {
        private final Process holder;

        Network() throws Exception {
            holder = new ProcessBuilder(
                            "unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 600")
                    .start();
            assertThat(holder.inputReader().readLine()).isEqualTo("up");
        }

        Path path() {
            return Path.of("/proc/" + holder.pid() + "/ns/net");
        }

        Busybox.Config joined(Busybox.Config config) {
            return config.namespaces("{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},"
                    + "{\"type\":\"network\",\"path\":\"" + path() + "\"}");
        }

        void run(String script) throws Exception {
            CriuNode.run("nsenter", "--net=" + path(), "sh", "-c", script);
        }

        /** Waits until somebody listens. */
        void await(String port) throws Exception {
            run("until ss -ltn | grep -q ':" + port + " '; do sleep 0.02; done");
        }

        @Override
        public void close() {
            holder.destroyForcibly().onExit().join();
        }
    }
}

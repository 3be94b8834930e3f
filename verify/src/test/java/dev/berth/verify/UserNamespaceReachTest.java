package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.LinuxSandboxSecurityContext;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.StatusRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pods with a user namespace that reach for more than is theirs: the node's network, and all rights. */
class UserNamespaceReachTest extends MappedPods {
    /** Root with all rights, in what is the pod's, and nobody beyond: what runs containers in a container asks for that. */
    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc", "runc-new"})
    void privilegedWithinThePod(String handler) throws IOException {
        assumeMaps(handler);
        PodSandboxConfig.Builder config = pod("mighty-" + handler, mapped(IDS)).toBuilder();
        config.getLinuxBuilder().getSecurityContextBuilder().setPrivileged(true);
        String pod = pods.run(config.build(), handler);
        ContainerConfig.Builder container = sleeper("mighty-" + handler, mapped(IDS));
        container.getLinuxBuilder().getSecurityContextBuilder().setPrivileged(true);
        String id = pods.create(pod, container.build());
        pods.start(id);
        assertThat(exec(id, "awk '/CapEff/ {print $2}' /proc/self/status"))
                .isEqualTo(Berth.read(Path.of("/proc/self/status"))
                        .lines()
                        .filter(line -> line.startsWith("CapEff"))
                        .findFirst()
                        .orElseThrow()
                        .substring("CapEff:\t".length()));
        assertThat(exec(
                        id,
                        "mkdir /m && mount -t tmpfs x /m && touch /m/x && ip addr add 10.9.9.9/32 dev lo && echo done"))
                .isEqualTo("done");
        assertThat(exec(
                        id,
                        "cat /proc/kmsg > /m/y || echo 1 > /proc/sys/kernel/panic || mknod /m/n c 1 1"
                                + " || echo refused"))
                .isEqualTo("refused");
        pods.remove(pod);
    }

    private PodSandboxConfig podOnTheNodesNetwork(String name, NamespaceOption.Builder options) {
        return pods.pod(name)
                .setLinux(LinuxPodSandboxConfig.newBuilder()
                        .putSysctls("kernel.shm_rmid_forced", "1")
                        .setSecurityContext(
                                LinuxSandboxSecurityContext.newBuilder().setNamespaceOptions(options)))
                .build();
    }

    /** Its root is nobody there: it shows what there is and lets nothing be changed. */
    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc", "runc-new"})
    void theNodesNetwork(String handler) throws IOException {
        assumeMaps(handler);
        assertThat(pods.runtime()
                        .status(StatusRequest.getDefaultInstance())
                        .getFeatures()
                        .getUserNamespacesHostNetwork())
                .isTrue();
        NamespaceOption.Builder options = mapped(IDS).setNetwork(NamespaceMode.NODE);
        String pod = pods.run(podOnTheNodesNetwork("host-" + handler, options), handler);
        Path volume = volume("host-" + handler);
        String id = pods.create(
                pod,
                sleeper("host-" + handler, options)
                        .addMounts(mount(volume, "/mapped", IDS))
                        .build());
        pods.start(id);

        assertThat(exec(id, "readlink /proc/self/ns/net; readlink /proc/self/ns/uts; hostname; cat /etc/hosts"))
                .isEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns/net")) + "\n"
                        + Files.readSymbolicLink(Path.of("/proc/self/ns/uts")) + "\n"
                        + Berth.read(Path.of("/proc/sys/kernel/hostname"))
                        + Berth.read(Path.of("/etc/hosts")).strip());
        assertThat(exec(id, "cat /proc/self/uid_map; cat /proc/sys/kernel/shm_rmid_forced"))
                .matches("0\\s+700000\\s+65536\\s+1");
        assertThat(exec(id, "stat -c %u:%g / /dev/shm /etc/hosts /etc/hostname /etc/resolv.conf /mapped/old"))
                .matches("(0:0\\s*){6}");
        assertThat(exec(id, "ls /sys/class/net"))
                .as("what the node has")
                .contains("lo", "btv"); // the bridge of this Berth
        assertThat(exec(id, "awk '$5 ~ /^\\/sys/ && $5 != \"/sys/fs/cgroup\" && $6 !~ /^ro/' /proc/self/mountinfo"))
                .as("mounts below /sys that could be written")
                .isEmpty();
        assertThat(
                        exec(
                                id,
                                "echo 1 > /sys/class/net/lo/mtu || ip link set lo mtu 1000 || mount -t sysfs sysfs /tmp"
                                        + " || nc -l -p 81 || echo 0 > /proc/sys/net/ipv4/ip_forward || echo refused; cat /sys/class/net/lo/mtu"))
                .isEqualTo("refused\n"
                        + Berth.read(Path.of("/sys/class/net/lo/mtu")).strip());
        assertThat(exec(id, "nc -l -p 18081 & sleep 0.5; kill $! && echo bound"))
                .isEqualTo("bound");
        assertThat(
                        exec(
                                id,
                                "cat /sys/fs/cgroup/memory/memory.usage_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.current"))
                .as("its own cgroup")
                .matches("[0-9]+");
        pods.remove(pod);
    }

    /** As the kubelet has it by default: an init, which has no network of its own either. */
    @Test
    void theNodesNetworkOutlivesDaemonAndSupervisor() throws IOException, InterruptedException {
        NamespaceOption.Builder options =
                mapped(IDS).setNetwork(NamespaceMode.NODE).setPid(NamespaceMode.POD);
        String pod = pods.run(podOnTheNodesNetwork("kept-host", options), "");
        String old = pods.create(pod, sleeper("old-host", options).build());
        pods.start(old);
        berth.killSupervisor();
        berth.kill();
        berth.launch();
        String fresh = pods.create(pod, sleeper("fresh-host", options).build());
        pods.start(fresh);
        String all = "cd /proc/self/ns; readlink ipc; readlink net; readlink pid; readlink user; cat /proc/1/comm";
        assertThat(exec(fresh, all)).isEqualTo(exec(old, all)).endsWith("catatonit");
        assertThat(exec(fresh, "stat -c %u /etc/hosts /dev/shm")).isEqualTo("0\n0");
        pods.remove(pod);
    }
}

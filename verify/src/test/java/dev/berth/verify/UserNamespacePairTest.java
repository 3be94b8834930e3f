package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a container sees in a user namespace of its pod's, at Berth and at containerd: with the node's network, which has only /sys of the node. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class UserNamespacePairTest {
    private static final String OPTIONS = """
            {"network": 2, "pid": 1, "userns_options": {"mode": 0,
              "uids": [{"host_id": 700000, "container_id": 0, "length": 65536}],
              "gids": [{"host_id": 700000, "container_id": 0, "length": 65536}]}}""";

    private CrictlPair pair;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CrictlPair.start();
        pair.same("pull", pair.berth().image("busybox"));
        pair.file("pod", """
                {"metadata": {"name": "mapped", "namespace": "default", "uid": "uid-mapped"}, "log_directory": "{logs}",
                 "linux": {"security_context": {"namespace_options": %s}}}""".formatted(OPTIONS));
        pair.keep("mapped", "runp", "{pod}");
        pair.file("container", """
                {"metadata": {"name": "inside"}, "image": {"image": "%s"}, "command": ["sleep", "10000"], "log_path": "inside.log",
                 "linux": {"security_context": {"namespace_options": %s,
                   "masked_paths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/sys/firmware", "/sys/devices/virtual/powercap"],
                   "readonly_paths": ["/proc/bus", "/proc/sys", "/proc/sysrq-trigger"]}}}""".formatted(pair.berth().image("busybox"), OPTIONS));
        pair.keep("inside", "create", "{mapped}", "{container}", "{pod}");
        pair.same("start", "{inside}");
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            pair.close();
        }
    }

    @Test
    void theNodesNetworkLooksTheSame() {
        for (String script : List.of(
                "id; cat /proc/self/uid_map /proc/self/gid_map",
                "readlink /proc/self/ns/net /proc/self/ns/uts; hostname",
                "cat /etc/hosts /etc/hostname /etc/resolv.conf; stat -c '%n %u %g %a' /etc/hosts /etc/resolv.conf",
                "ls /sys /sys/firmware /sys/fs; cat /sys/class/net/lo/mtu",
                "awk '$5 == \"/sys\" {print $6}' /proc/self/mountinfo",
                "echo 1 > /sys/class/net/lo/mtu",
                "ip link set lo mtu 1000",
                "mount -t sysfs sysfs /mnt",
                "nc -l -p 81",
                "echo 0 > /proc/sys/net/ipv4/ip_forward",
                "ping -c 1 127.0.0.1 2>&1 | head -n 1",
                "touch /dev/shm/x && stat -c '%u %g' /dev/shm/x && grep Cap /proc/self/status")) {
            assertThat(pair.same("exec", "{inside}", "sh", "-c", script)).isNotNull();
        }
    }
}

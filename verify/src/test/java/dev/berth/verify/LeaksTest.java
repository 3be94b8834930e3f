package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ids;
import dev.berth.verify.Inventory.Fact;
import dev.berth.verify.Inventory.Kind;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The audit of leaks can fail: one thing of each kind is left on purpose, and it sees each. */
class LeaksTest {
    private final String name = "btleak" + Ids.random().substring(0, 6);
    private final Path folder = Path.of("/var/lib", name);
    private final Deque<List<String>> undo = new ArrayDeque<>();
    private final List<Process> processes = new ArrayList<>();

    @AfterEach
    void tidy() throws InterruptedException {
        undo.forEach(Berth::run);
        for (Process process : processes) {
            process.destroyForcibly().waitFor();
        }
    }

    private void run(List<String> command, List<String> remedy) {
        undo.push(remedy);
        assertThat(Berth.run(command).exit()).as(command.toString()).isZero();
    }

    @Test
    void eachKindOfLeakIsSeen() throws IOException, InterruptedException {
        Leaks.mark(name);
        Set<Fact> before = Inventory.take();
        assertThat(Leaks.since(before, false)).isEmpty();
        files();
        network();
        Path cgroup = Path.of("/sys/fs/cgroup/pids", name);
        run(List.of("mkdir", cgroup.toString()), List.of("rmdir", cgroup.toString()));
        var sleeper = new ProcessBuilder("unshare", "-m", "sleep", "1000").directory(folder.toFile());
        processes.add(sleeper.start());
        Berth.until(
                "it sleeps",
                Berth.LIMIT,
                () -> Leaks.since(before, false).stream()
                        .anyMatch(fact -> fact.toString().endsWith("sleep 1000 ")));

        assertThat(Leaks.since(before, false).stream().map(Fact::kind).collect(Collectors.toSet()))
                .containsExactlyInAnyOrderElementsOf(EnumSet.complementOf(EnumSet.of(Kind.SYSV, Kind.ABSTRACT_SOCKET)));
        tidy();
        undo.clear();
        processes.clear();
        Leaks.audit(name);
    }

    private void files() throws IOException {
        run(List.of("mkdir", "-p", folder + "/mount"), List.of("rm", "-rf", folder.toString()));
        run(List.of("mount", "-t", "tmpfs", name, folder + "/mount"), List.of("umount", folder + "/mount"));
        run(List.of("mkfifo", folder + "/fifo"), List.of("true"));
        try (var socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            socket.bind(UnixDomainSocketAddress.of(folder.resolve("socket")));
        }
        Path shm = Path.of("/dev/shm", name);
        run(List.of("touch", shm.toString()), List.of("rm", shm.toString()));
        Path leases = Path.of("/var/lib/cni/networks", name);
        run(List.of("mkdir", "-p", leases.toString()), List.of("rm", "-r", leases.toString()));
        Files.writeString(leases.resolve("10.1.2.3"), "somebody");
        Path image = Files.write(folder.resolve("image"), new byte[1 << 20]);
        String loop =
                Berth.run(List.of("losetup", "-f", "--show", image.toString())).text();
        undo.push(List.of("losetup", "-d", loop));
    }

    private void network() {
        run(List.of("ip", "link", "add", name, "type", "bridge"), List.of("ip", "link", "delete", name));
        run(List.of("mkdir", "-p", "/run/netns"), List.of("true"));
        run(List.of("touch", "/run/netns/" + name), List.of("rm", "/run/netns/" + name));
        run(List.of("nft", "add", "table", "ip", name), List.of("nft", "delete", "table", "ip", name));
        boolean fresh =
                Berth.run(List.of("nft", "list", "table", "ip", "security")).exit() != 0;
        if (fresh) {
            undo.push(List.of("nft", "delete", "table", "ip", "security"));
        }
        run(
                List.of("iptables", "-t", "security", "-N", name),
                fresh ? List.of("true") : List.of("iptables", "-t", "security", "-X", name));
    }

    @Test
    void aRecordThatIsLeftIsSeen() throws IOException, InterruptedException {
        Peers.need("crictl");
        try (Berth berth = Berth.start()) {
            AtRest before = AtRest.settled(berth);
            before.isSame(berth);
            String pod = new PodFixture(berth).run("left");
            AtRest now = AtRest.of(berth);
            assertThat(now.held())
                    .contains("records of sandboxes: 1")
                    .anyMatch(it -> it.contains("/netns/" + pod))
                    .anyMatch(it -> it.contains("lease"));
            berth.crictl("rmp", "-f", pod).text();
            before.isSame(berth);
        }
    }
}

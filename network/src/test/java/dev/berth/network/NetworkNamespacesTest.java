package dev.berth.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Fd;
import dev.berth.linux.Namespaces;
import dev.berth.linux.netlink.Link;
import dev.berth.linux.netlink.Sysctl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NetworkNamespacesTest {
    @TempDir
    Path temp;

    private final List<NetworkNamespaces> opened = new ArrayList<>();

    private NetworkNamespaces open(int spares, Ticker ticker) throws IOException {
        NetworkNamespaces namespaces = NetworkNamespaces.open(temp.resolve("netns"), spares, ticker);
        opened.add(namespaces);
        return namespaces;
    }

    @AfterEach
    void dropAll() throws IOException {
        for (NetworkNamespaces namespaces : opened) {
            namespaces.close();
            namespaces.list().forEach(namespaces::remove);
        }
    }

    @Test
    void aNamespaceIsPinnedWithItsLoopbackUpAndDropped() throws Exception {
        NetworkNamespaces namespaces = open(0, Ticker.system());
        Path path = namespaces.create("bt-a", Map.of());

        assertThat(path).isEqualTo(temp.resolve("netns/bt-a"));
        assertThat(mounts()).contains(path.toString());
        assertThat(namespaces.list()).containsExactly("bt-a");
        Link lo = namespaces.links("bt-a").stream()
                .filter(l -> l.name().equals("lo"))
                .findFirst()
                .orElseThrow();
        assertThat(lo.up()).isTrue();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(temp.resolve("netns"))))
                .isEqualTo("rwx--x--x");

        namespaces.remove("bt-a");
        namespaces.remove("bt-a");
        assertThat(mounts()).doesNotContain(path.toString());
        assertThat(namespaces.list()).isEmpty();
        assertThatThrownBy(() -> namespaces.links("bt-a"))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.NOT_FOUND));
    }

    @Test
    void theLinksOfManyPodsAreReadInOneGo() throws Exception {
        NetworkNamespaces namespaces = open(0, Ticker.system());
        namespaces.create("bt-a", Map.of());
        Files.createFile(namespaces.create("bt-b", Map.of()).resolveSibling("bt-half"));
        assertThat(namespaces.links(List.of("bt-a", "bt-b", "bt-half", "bt-none")))
                .containsOnlyKeys("bt-a", "bt-b")
                .allSatisfy(
                        (_, links) -> assertThat(links).extracting(Link::name).contains("lo"));
        assertThat(namespaces.links(List.of())).isEmpty();
    }

    @Test
    void anotherOfTheSameIdTakesThePlaceOfTheFirst() throws Exception {
        NetworkNamespaces namespaces = open(0, Ticker.system());
        Path path = namespaces.create("bt-a", Map.of());
        Object first = inode(path);
        namespaces.create("bt-a", Map.of());
        assertThat(inode(path)).isNotEqualTo(first);
        namespaces.remove("bt-a");
        Files.createFile(path); // as an attempt leaves it that was killed before the mount
        namespaces.create("bt-a", Map.of());
        assertThat(namespaces.links("bt-a")).isNotEmpty();
    }

    @ParameterizedTest
    @CsvSource({"0", "1"})
    void settingsOfTheNetworkAreSetInItAndOnlyThere(int spares) throws Exception {
        NetworkNamespaces namespaces = open(spares, Ticker.system());
        String before = Sysctl.read("net/ipv4/ip_unprivileged_port_start").orElseThrow();
        Path path = namespaces.create(
                "bt-a",
                Map.of(
                        "net.ipv4.ip_unprivileged_port_start",
                        "77",
                        "net/ipv4/ping_group_range",
                        "0\t7",
                        "kernel.shm_rmid_forced",
                        "1"));
        try (Fd namespace = Namespaces.open(path)) {
            assertThat(Namespaces.enter(List.of(namespace), () -> Sysctl.read("net/ipv4/ip_unprivileged_port_start")))
                    .contains("77");
        }
        assertThat(Sysctl.read("net/ipv4/ip_unprivileged_port_start")).contains(before);
    }

    @ParameterizedTest
    @CsvSource({"0", "1"})
    void inAPodsOwnNetworkEveryUserMayServeOnEveryPortAndPing(int spares) throws Exception {
        NetworkNamespaces namespaces = open(spares, Ticker.system());
        Path path = namespaces.create("bt-a", Map.of());
        try (Fd namespace = Namespaces.open(path)) {
            assertThat(Namespaces.enter(List.of(namespace), () -> Sysctl.read("net/ipv4/ip_unprivileged_port_start")))
                    .contains("0");
            assertThat(Namespaces.enter(List.of(namespace), () -> Sysctl.read("net/ipv4/ping_group_range")))
                    .contains("0\t2147483647");
        }
    }

    @ParameterizedTest
    @CsvSource({"net.ipv4.nonsense,1", "net.ipv4.ip_forward,many", "net.../../kernel/hostname,x"})
    void aSettingThatCannotBeIsRefusedAndNothingStays(String name, String value) throws Exception {
        NetworkNamespaces namespaces = open(0, Ticker.system());
        assertThatThrownBy(() -> namespaces.create("bt-a", Map.of(name, value)))
                .isInstanceOfSatisfying(Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                .hasMessageContaining(name);
        assertThat(namespaces.list()).isEmpty();
    }

    @Test
    @Timeout(300)
    void sparesAreMadeAgainAfterAPauseAndEachIsTakenOnce() throws Exception {
        var pauses = new Semaphore(1);
        var now = new AtomicLong();
        Ticker ticker = new Ticker() {
            @Override
            public long nanos() {
                return now.get();
            }

            @Override
            public void sleep(Duration time) throws InterruptedException {
                pauses.acquire();
                now.addAndGet(time.toNanos());
            }
        };
        NetworkNamespaces namespaces = open(2, ticker);
        var inodes = new HashSet<Object>();
        for (int i = 0; i < 6; i++) {
            if (i % 2 == 0) {
                while (namespaces.spares() < 2) {
                    assertThat(Thread.interrupted()).isFalse(); // the time-out
                    Thread.onSpinWait();
                }
            }
            inodes.add(inode(namespaces.create("bt-" + i, Map.of())));
            if (i % 2 == 1) {
                assertThat(namespaces.spares()).isZero(); // nothing is made before the pause is over
                pauses.release();
            }
        }
        assertThat(inodes).hasSize(6);
        namespaces.close();
        assertThat(namespaces.create("bt-last", Map.of())).exists();
    }

    @Test
    void idsThatAreNoIdsAreRefused() throws Exception {
        NetworkNamespaces namespaces = open(0, Ticker.system());
        assertThatThrownBy(() -> namespaces.create("../bt-a", Map.of())).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> namespaces.remove("")).isInstanceOf(Fault.class);
    }

    private static Object inode(Path namespace) throws IOException {
        return Files.getAttribute(namespace, "unix:ino");
    }

    private static String mounts() throws IOException {
        return Files.readString(Path.of("/proc/self/mounts"));
    }
}

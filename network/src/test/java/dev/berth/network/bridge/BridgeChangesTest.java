package dev.berth.network.bridge;

import static dev.berth.network.TestNode.ruleset;
import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.PodNetworkRequest;
import dev.berth.network.PodNetworkRequest.PortMapping;
import dev.berth.network.PodNetworkRequest.Protocol;
import dev.berth.network.TestNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of the network when somebody changes its rules or its settings. On the real kernel, on a node of our own. */
class BridgeChangesTest {
    private static final IpPrefix V4 = IpPrefix.parse("10.207.8.0/24");

    @TempDir
    Path temp;

    private final Disk disk = new LinuxDisk();

    private BridgeNetwork open(boolean ipv6, IpPrefix... subnets) throws IOException, InterruptedException {
        return BridgeNetwork.open(
                new BridgeConfig("bt0", List.of(subnets), ipv6, 0, temp.resolve("network")), disk, Ticker.system());
    }

    private static PodNetworkRequest request(Path netns, String id, List<PortMapping> ports) {
        return new PodNetworkRequest(
                id, id, "ns", "uid", netns.toString(), ports, null, null, Map.of(), "", List.of(), "");
    }

    @Test
    void portsThatCouldNotBeClosedAreClosedBeforeAnybodyGetsTheAddress() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(false, V4)) {
                var port = List.of(new PortMapping(Protocol.TCP, 80, 12000, ""));
                network.attach(request(node.pod("a"), "a", port));
                // the same name for something else: what was an entry of ours is not valid there
                nft("delete table ip bt0; add table ip bt0; add map ip bt0 ports { type ipv4_addr : ipv4_addr; }");
                network.detach(request(node.namespaces().path("a"), "a", List.of()));
                network.settle();
                assertThat(ruleset()).doesNotContain("masquerade");

                network.detach(request(node.namespaces().path("a"), "a", List.of()));
                assertThat(ruleset()).contains("masquerade").doesNotContain("12000");
                assertThat(network.state().ready()).isTrue();
            }
        });
    }

    private static void nft(String commands) throws IOException, InterruptedException {
        assertThat(new ProcessBuilder("nft", commands).inheritIO().start().waitFor())
                .isZero();
    }

    @Test
    void ipv6IsAddedToTheChosenRangeAndTakenAwayAgain() throws Exception {
        TestNode.run(temp, node -> {
            IpPrefix v4;
            try (BridgeNetwork network = open(false)) {
                v4 = network.subnets().getFirst();
                assertThat(network.subnets()).containsExactly(v4);
            }
            List<IpPrefix> both;
            try (BridgeNetwork network = open(true)) {
                both = network.subnets();
                assertThat(both).hasSize(2).first().isEqualTo(v4);
                assertThat(both.getLast().toString()).startsWith("fd").endsWith("/64");
                assertThat(network.attach(request(node.pod("a"), "a", List.of()))
                                .ips())
                        .hasSize(2);
            }
            try (BridgeNetwork network = open(true)) {
                assertThat(network.subnets()).isEqualTo(both);
            }
            try (BridgeNetwork network = open(false)) {
                assertThat(network.subnets()).containsExactly(v4);
                assertThat(network.attach(request(node.pod("b"), "b", List.of()))
                                .ips())
                        .hasSize(1);
                network.detach(request(node.namespaces().path("a"), "a", List.of()));
            }
        });
    }
}

package dev.berth.network.bridge;

import static dev.berth.network.TestNode.NODE;
import static dev.berth.network.TestNode.NODE6;
import static dev.berth.network.TestNode.OUTSIDE;
import static dev.berth.network.TestNode.OUTSIDE6;
import static dev.berth.network.TestNode.answered;
import static dev.berth.network.TestNode.ask;
import static dev.berth.network.TestNode.askUdp;
import static dev.berth.network.TestNode.received;
import static dev.berth.network.TestNode.ruleset;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.linux.netlink.Link;
import dev.berth.linux.netlink.NftBatch;
import dev.berth.linux.netlink.NftFamily;
import dev.berth.linux.netlink.Route;
import dev.berth.linux.netlink.Rtnetlink;
import dev.berth.linux.netlink.Sysctl;
import dev.berth.network.Attachment;
import dev.berth.network.PodNetworkRequest;
import dev.berth.network.PodNetworkRequest.PortMapping;
import dev.berth.network.PodNetworkRequest.Protocol;
import dev.berth.network.TestNode;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On the real kernel, on a node of our own. */
class BridgeNetworkTest {
    private static final InetAddress LOOPBACK = InetAddress.ofLiteral("127.0.0.1");
    private static final IpPrefix V4 = IpPrefix.parse("10.207.8.0/24");
    private static final IpPrefix V6 = IpPrefix.parse("fd00:207:8::/64");

    @TempDir
    Path temp;

    private final Disk disk = new LinuxDisk();

    @Test
    void podsReachEachOtherTheNodeAndTheOutside() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4, V6)) {
                Attachment a = network.attach(request(node.pod("a"), "a"));
                Attachment b = network.attach(request(node.pod("b"), "b"));
                assertThat(a.ips()).containsExactly("10.207.8.2/24", "fd00:207:8::2/64");
                assertThat(b.ips()).containsExactly("10.207.8.3/24", "fd00:207:8::3/64");
                Path podA = node.namespaces().path("a");
                Path podB = node.namespaces().path("b");
                node.in(podB, () -> node.serve(80));
                node.outside(() -> node.serve(81));
                for (int family = 0; family < 2; family++) {
                    InetAddress ofA = a.addresses().get(family);
                    InetAddress ofB = b.addresses().get(family);
                    assertThat(node.in(podA, () -> ask(ofB, 80))).isEqualTo(ofA);
                    assertThat(ask(ofB, 80))
                            .isEqualTo(network.subnets().get(family).at(1));
                }
                assertThat(node.in(podA, () -> ask(OUTSIDE, 81))).isEqualTo(NODE);
                assertThat(node.in(podA, () -> ask(OUTSIDE6, 81))).isEqualTo(NODE6);
                assertThat(node.in(podA, () -> askUdp(OUTSIDE, 81))).isEqualTo(NODE);
                assertThat(network.state().ready()).isTrue();
            }
        });
    }

    @Test
    void thePodsInterfaceIsEth0WithTheUplinksMtuAndCounters() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                Attachment a = network.attach(request(node.pod("a"), "a"));
                List<Link> links = node.namespaces().links("a");
                assertThat(links).extracting(Link::name).contains("lo", "eth0");
                Link eth0 = links.stream()
                        .filter(l -> l.name().equals("eth0"))
                        .findFirst()
                        .orElseThrow();
                assertThat(eth0.mtu()).isEqualTo(1400);
                assertThat(eth0.up()).isTrue();
                assertThat(eth0.mac()).isEqualTo("0a:58:0a:cf:08:02");
                assertThat(a.interfaces().getLast())
                        .isEqualTo(new Attachment.Interface(
                                "eth0", eth0.mac(), node.namespaces().path("a").toString()));
                node.in(node.namespaces().path("a"), () -> node.serve(80));
                ask(a.addresses().getFirst(), 80);
                Link after = node.namespaces().links("a").stream()
                        .filter(l -> l.name().equals("eth0"))
                        .findFirst()
                        .orElseThrow();
                assertThat(after.counters().rxBytes())
                        .isGreaterThan(eth0.counters().rxBytes());
                assertThat(after.counters().txBytes())
                        .isGreaterThan(eth0.counters().txBytes());
            }
        });
    }

    @Test
    void hostPortsAreOpenEverywhere() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4, V6)) {
                var ports = List.of(
                        new PortMapping(Protocol.TCP, 80, 12000, ""),
                        new PortMapping(Protocol.UDP, 80, 12000, "0.0.0.0"));
                Path podA = node.pod("a");
                Attachment a = network.attach(request(podA, "a", ports));
                Path podB = node.pod("b");
                network.attach(request(podB, "b"));
                node.in(podA, () -> node.serve(80));
                InetAddress gateway = InetAddress.ofLiteral("10.207.8.1");

                assertThat(ask(LOOPBACK, 12000)).isEqualTo(gateway);
                assertThat(ask(NODE, 12000)).isEqualTo(NODE);
                assertThat(node.outside(() -> ask(NODE, 12000))).isEqualTo(OUTSIDE);
                assertThat(node.outside(() -> ask(NODE6, 12000))).isEqualTo(OUTSIDE6);
                assertThat(node.in(podB, () -> ask(NODE, 12000))).isEqualTo(gateway);
                assertThat(node.in(podB, () -> ask(gateway, 12000))).isEqualTo(gateway);
                assertThat(node.in(podA, () -> ask(NODE, 12000))).isEqualTo(gateway);
                assertThat(askUdp(LOOPBACK, 12000)).isEqualTo(gateway);
                assertThat(node.outside(() -> askUdp(NODE, 12000))).isEqualTo(OUTSIDE);
                assertThat(node.in(podA, () -> askUdp(NODE, 12000))).isEqualTo(gateway);
                assertThatThrownBy(() -> node.outside(() -> askUdp(NODE6, 12000)))
                        .isInstanceOf(IOException.class);

                network.detach(request(podA, "a"));
                network.settle();
                assertThatThrownBy(() -> ask(LOOPBACK, 12000)).isInstanceOf(IOException.class);
                assertThat(ruleset()).doesNotContain("12000");
                assertThat(ask(a.addresses().getFirst(), 80)).isEqualTo(gateway);
            }
        });
    }

    @Test
    void aHostPortAtOneAddressIsClosedAtTheOthers() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                Path podA = node.pod("a");
                network.attach(request(podA, "a", List.of(new PortMapping(Protocol.TCP, 80, 12000, "127.0.0.1"))));
                Path podB = node.pod("b");
                network.attach(request(podB, "b", List.of(new PortMapping(Protocol.TCP, 81, 12000, "10.207.1.1"))));
                node.in(podA, () -> node.serve(80));
                node.in(podB, () -> node.serve(81));

                assertThat(ask(LOOPBACK, 12000)).isNotNull();
                assertThat(node.outside(() -> ask(NODE, 12000))).isEqualTo(OUTSIDE);
                network.detach(request(podB, "b"));
                network.settle();
                assertThatThrownBy(() -> node.outside(() -> ask(NODE, 12000))).isInstanceOf(IOException.class);
                assertThat(ask(LOOPBACK, 12000)).isNotNull();
            }
        });
    }

    @Test
    void aPodThatTakesThePortOfTheLastOneKeepsIt() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                var port = List.of(new PortMapping(Protocol.TCP, 80, 12000, ""));
                for (int i = 0; i < 20; i++) {
                    Path pod = node.pod("p" + i);
                    network.attach(request(pod, "p" + i, port));
                    if (i == 19) {
                        network.settle();
                        node.in(pod, () -> node.serve(80));
                        assertThat(ask(LOOPBACK, 12000)).isEqualTo(V4.at(1));
                    } else {
                        network.detach(request(pod, "p" + i));
                    }
                }
            }
        });
    }

    @Test
    void aSenderThatNeverPausesIsSentToTheNextPod() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                var port = List.of(new PortMapping(Protocol.UDP, 80, 12000, ""));
                try (var sender = new DatagramSocket()) {
                    sender.setSoTimeout(200);
                    sender.connect(NODE, 12000);
                    assertThat(answered(sender, 1)).isFalse();
                    for (String id : List.of("a", "b")) {
                        Path pod = node.pod(id);
                        network.attach(request(pod, id, port));
                        network.settle();
                        node.in(pod, () -> node.serve(80));
                        assertThat(answered(sender, 100)).as(id).isTrue();
                        network.detach(request(pod, id));
                        network.settle();
                        while (received(sender)) {} // late answers
                        assertThat(answered(sender, 1)).isFalse();
                    }
                }
            }
        });
    }

    @Test
    void aHostPortThatIsTakenIsRefusedAndNothingStays() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                var port = List.of(new PortMapping(Protocol.TCP, 80, 12000, ""));
                network.attach(request(node.pod("a"), "a", port));
                Path podB = node.pod("b");
                assertThatThrownBy(() -> network.attach(request(podB, "b", port)))
                        .isInstanceOfSatisfying(
                                Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                        .hasMessageContaining("12000/TCP")
                        .hasMessageContaining("pod a");
                assertThat(network.find("b")).isEmpty();
                assertThatThrownBy(() -> network.attach(
                                request(podB, "b", List.of(new PortMapping(Protocol.TCP, 0, 70000, "")))))
                        .isInstanceOfSatisfying(
                                Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
                assertThatThrownBy(() -> network.attach(
                                request(podB, "b", List.of(new PortMapping(Protocol.TCP, 80, 70, "localhost")))))
                        .isInstanceOfSatisfying(
                                Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
            }
        });
    }

    @Test
    void podsCannotReachWhatListensAtTheNodesLoopback() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                Path pod = node.pod("a");
                network.attach(request(pod, "a"));
                node.serve(6443);
                assertThat(ask(LOOPBACK, 6443)).isEqualTo(LOOPBACK);
                assertThatThrownBy(() -> node.in(pod, () -> {
                            // What a pod with CAP_NET_ADMIN could do: let 127.0.0.1 lead out of its interface.
                            Sysctl.write("net/ipv4/conf/eth0/route_localnet", "1");
                            try (Rtnetlink net = Rtnetlink.open()) {
                                net.setUp(net.link("lo").index(), false);
                                net.addRoute(new Route(
                                        IpPrefix.host(LOOPBACK),
                                        V4.at(1),
                                        net.link("eth0").index()));
                            }
                            return ask(LOOPBACK, 6443);
                        }))
                        .isInstanceOf(IOException.class);
            }
        });
    }

    @Test
    void detachMayBeRepeatedAndAddressesAreReusedLast() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(IpPrefix.parse("10.207.8.0/29"))) { // room for five
                for (String id : List.of("a", "b", "c")) {
                    network.attach(request(node.pod(id), id));
                }
                network.detach(request(node.namespaces().path("b"), "b"));
                network.detach(request(node.namespaces().path("b"), "b"));
                network.detach(request(node.namespaces().path("a"), "a"));
                network.detach(PodNetworkRequest.plain("never", "n", "ns", "u", "/nowhere"));
                assertThat(ipOf(network, node, "d")).isEqualTo("10.207.8.5/29");
                assertThat(ipOf(network, node, "e")).isEqualTo("10.207.8.6/29");
                assertThat(ipOf(network, node, "f")).isEqualTo("10.207.8.3/29");
                assertThat(ipOf(network, node, "g")).isEqualTo("10.207.8.2/29");
                Path last = node.pod("h");
                assertThatThrownBy(() -> network.attach(request(last, "h")))
                        .isInstanceOfSatisfying(
                                Fault.class, e -> assertThat(e.code()).isEqualTo(Fault.Code.RESOURCE_EXHAUSTED))
                        .hasMessageContaining("10.207.8.0/29");
            }
        });
    }

    @Test
    void attachingAgainBeginsAnew() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                Path pod = node.pod("a");
                var port = List.of(new PortMapping(Protocol.TCP, 80, 12000, ""));
                network.attach(request(pod, "a", port));
                Attachment again = network.attach(request(pod, "a", port));
                assertThat(again.ips()).containsExactly("10.207.8.3/24");
                node.in(pod, () -> node.serve(80));
                assertThat(ask(again.addresses().getFirst(), 80)).isEqualTo(V4.at(1));
                assertThat(ask(LOOPBACK, 12000)).isEqualTo(V4.at(1));
                network.check(request(pod, "a"));
            }
        });
    }

    @Test
    void anAttemptThatFailsLeavesNothing() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                var port = List.of(new PortMapping(Protocol.TCP, 80, 12000, ""));
                assertThatThrownBy(() -> network.attach(request(temp.resolve("no-namespace"), "a", port)))
                        .isInstanceOf(Fault.class);
                assertThat(network.find("a")).isEmpty();
                assertThat(ruleset()).doesNotContain("12000");
                try (Rtnetlink net = Rtnetlink.open()) {
                    assertThat(net.links()).noneMatch(l -> l.name().startsWith("veth"));
                }
            }
        });
    }

    @Test
    void aNewDaemonKnowsWhatPodsHaveAndDropsTheDead() throws Exception {
        TestNode.run(temp, node -> {
            var port = List.of(new PortMapping(Protocol.TCP, 80, 12000, ""));
            var other = List.of(new PortMapping(Protocol.TCP, 80, 12001, ""));
            try (BridgeNetwork network = open(V4)) {
                network.attach(request(node.pod("a"), "a", port));
                network.attach(request(node.pod("b"), "b", other));
            }
            Files.writeString(journal(), Files.readString(journal()) + "lease torn 10.2"); // as kill -9 may leave it
            try (BridgeNetwork network = open(V4)) {
                assertThat(network.find("a").orElseThrow().ips()).containsExactly("10.207.8.2/24");
                node.in(node.namespaces().path("a"), () -> node.serve(80));
                assertThat(ask(LOOPBACK, 12000)).isNotNull();
                assertThat(network.retainOnly(Set.of("a"))).isEmpty();
                network.settle();
                assertThat(network.find("b")).isEmpty();
                assertThat(ruleset()).contains("12000").doesNotContain("12001");
                assertThat(ipOf(network, node, "c")).isEqualTo("10.207.8.4/24");
            }
        });
    }

    @Test
    void afterARebootTheBridgeIsMadeAgainAndLeasesCanBeReleased() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                network.attach(request(node.pod("a"), "a"));
            }
            node.namespaces().remove("a");
        });
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                assertThat(network.state().ready()).isTrue();
                network.detach(request(node.namespaces().path("a"), "a"));
                assertThat(ipOf(network, node, "b")).isEqualTo("10.207.8.3/24");
            }
        });
    }

    @Test
    void whatOthersBreakIsRepaired() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(V4)) {
                var port = List.of(new PortMapping(Protocol.TCP, 80, 12000, ""));
                Path a = node.pod("a");
                network.attach(request(a, "a", port));
                node.in(a, () -> node.serve(80));
                new NftBatch().deleteTable(NftFamily.IPV4, "bt0").commit("flush");
                network.attach(request(node.pod("b"), "b", List.of(new PortMapping(Protocol.UDP, 53, 12001, ""))));
                assertThat(ask(LOOPBACK, 12000)).isEqualTo(V4.at(1));
                new NftBatch().deleteTable(NftFamily.IPV4, "bt0").commit("flush");
                network.detach(request(node.namespaces().path("b"), "b"));
                network.settle();
                assertThat(ask(LOOPBACK, 12000)).isEqualTo(V4.at(1));
                try (Rtnetlink net = Rtnetlink.open()) {
                    net.delete("bt0");
                }
                Path c = node.pod("c");
                Attachment attached = network.attach(request(c, "c"));
                node.in(c, () -> node.serve(80));
                assertThat(ask(attached.addresses().getFirst(), 80)).isEqualTo(V4.at(1));
            }
        });
    }

    @Test
    void aRangeThatARouteLeadsIntoIsRefusedWithTheRemedyAndAFreeOneIsChosen() throws Exception {
        TestNode.run(temp, node -> {
            try (BridgeNetwork network = open(IpPrefix.parse("10.207.0.0/16"))) {
                assertThat(network.state().ready()).isFalse();
                assertThat(network.state().message())
                        .contains("10.207.1.0/24 by up0")
                        .contains("network.subnets");
                Path pod = node.pod("a");
                assertThatThrownBy(() -> network.attach(request(pod, "a"))).isInstanceOf(Fault.class);
                assertThat(network.find("a")).isEmpty();
            }
            try (Rtnetlink net = Rtnetlink.open()) {
                net.addRoute(new Route(
                        IpPrefix.parse("10.88.3.0/24"), OUTSIDE, net.link("up0").index()));
            }
            var chosen = new BridgeConfig("bt1", List.of(), true, 0, temp.resolve("network"));
            List<IpPrefix> first;
            try (BridgeNetwork network = BridgeNetwork.open(chosen, disk, Ticker.system())) {
                first = network.subnets();
                assertThat(first).hasSize(2).contains(IpPrefix.parse("10.89.0.0/16"));
                assertThat(first.get(1).toString()).startsWith("fd").endsWith("/64");
                network.uninstall();
            }
        });
    }

    @Test
    void theClustersRangeCountsForNewPodsAndAfterARestart() throws Exception {
        TestNode.run(temp, node -> {
            IpPrefix cluster = IpPrefix.parse("10.207.9.0/24");
            try (BridgeNetwork network = open(V4)) {
                Path old = node.pod("a");
                Attachment a = network.attach(request(old, "a"));
                network.updatePodCidr(List.of(cluster));
                Path pod = node.pod("b");
                Attachment b = network.attach(request(pod, "b"));
                assertThat(b.ips()).containsExactly("10.207.9.2/24");
                node.in(old, () -> node.serve(80));
                node.outside(() -> node.serve(81));
                assertThat(node.in(pod, () -> ask(a.addresses().getFirst(), 80)))
                        .isNotNull();
                assertThat(node.in(old, () -> ask(OUTSIDE, 81))).isEqualTo(NODE);
                assertThatThrownBy(() -> network.updatePodCidr(List.of(IpPrefix.parse("10.207.9.0/31"))))
                        .isInstanceOf(Fault.class);
            }
            try (BridgeNetwork network = open(V4)) {
                assertThat(network.subnets()).containsExactly(cluster);
            }
        });
    }

    @Test
    void uninstallLeavesNoTrace() throws Exception {
        TestNode.run(temp, node -> {
            Map<String, Optional<String>> before = settings();
            try (BridgeNetwork network = open(V4, V6)) {
                network.attach(request(node.pod("a"), "a", List.of(new PortMapping(Protocol.SCTP, 80, 12000, ""))));
                assertThat(ruleset()).contains("sctp . 12000");
                assertThat(settings()).isNotEqualTo(before);
                network.detach(request(node.namespaces().path("a"), "a"));
                node.namespaces().remove("a");
                network.uninstall();
            }
            assertThat(ruleset()).isBlank();
            assertThat(settings()).isEqualTo(before);
            try (Rtnetlink net = Rtnetlink.open()) {
                assertThat(net.find("bt0")).isEmpty();
            }
            assertThat(temp.resolve("network")).isEmptyDirectory();
            assertThat(node.namespaces().list()).isEmpty();
        });
    }

    private static Map<String, Optional<String>> settings() throws IOException {
        return Map.of(
                "v4", Sysctl.read("net/ipv4/ip_forward"),
                "v6", Sysctl.read("net/ipv6/conf/all/forwarding"),
                "ra", Sysctl.read("net/ipv6/conf/up0/accept_ra"));
    }

    private Path journal() {
        return temp.resolve("network/bt0.leases");
    }

    private BridgeNetwork open(IpPrefix... subnets) throws IOException, InterruptedException {
        return BridgeNetwork.open(
                new BridgeConfig("bt0", List.of(subnets), false, 0, temp.resolve("network")), disk, Ticker.system());
    }

    private static String ipOf(BridgeNetwork network, TestNode node, String id) throws Exception {
        return network.attach(request(node.pod(id), id)).ips().getFirst();
    }

    private static PodNetworkRequest request(Path netns, String id) {
        return request(netns, id, List.of());
    }

    private static PodNetworkRequest request(Path netns, String id, List<PortMapping> ports) {
        return new PodNetworkRequest(
                id, id, "ns", "uid", netns.toString(), ports, null, null, Map.of(), "", List.of(), "");
    }
}

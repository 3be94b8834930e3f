package dev.berth.network.cni;

import static dev.berth.network.TestNode.NODE;
import static dev.berth.network.TestNode.OUTSIDE;
import static dev.berth.network.TestNode.ask;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.netlink.Link;
import dev.berth.linux.netlink.Rtnetlink;
import dev.berth.network.Attachment;
import dev.berth.network.Bandwidth;
import dev.berth.network.PodNetworkRequest;
import dev.berth.network.PodNetworkRequest.PortMapping;
import dev.berth.network.PodNetworkRequest.Protocol;
import dev.berth.network.TestNode;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** With Debian's plugins, on a node of our own. */
class RealPluginsTest {
    private static final Path BIN = Path.of("/usr/lib/cni");
    private static final InetAddress LOOPBACK = InetAddress.ofLiteral("127.0.0.1");

    @TempDir
    Path temp;

    @ParameterizedTest
    @ValueSource(strings = {"0.3.1", "0.4.0", "1.0.0"})
    void aPodIsConnectedWithHostPortsCheckedAndDisconnected(String version) throws Exception {
        configure(version);
        TestNode.run(temp, node -> {
            try (CniNetworks network = open()) {
                assertThat(network.state().ready()).isTrue();
                Path netns = node.pod("a");
                PodNetworkRequest request = request("a", netns);
                Attachment a = network.attach(request);
                assertThat(a.ips()).hasSize(1).first().asString().startsWith("10.207.16.");
                assertThat(a.interfaces())
                        .anyMatch(i -> i.name().equals("eth0") && i.sandbox().equals(netns.toString()));
                node.in(netns, () -> node.serve(80));
                node.outside(() -> node.serve(81));
                assertThat(node.in(netns, () -> ask(OUTSIDE, 81))).isEqualTo(NODE);
                assertThat(ask(LOOPBACK, 12000)).isNotNull();
                assertThat(node.outside(() -> ask(NODE, 12000))).isEqualTo(OUTSIDE);
                network.detach(request);
                network.detach(request);
                assertThat(node.namespaces().links("a")).extracting(Link::name).doesNotContain("eth0");
                assertThatThrownBy(() -> ask(LOOPBACK, 12000)).isInstanceOf(IOException.class);
                assertThat(reserved()).isEmpty();
            }
        });
    }

    @Test
    void whatIsBrokenIsFoundByACheck() throws Exception {
        configure("1.0.0");
        // CHECK of portmap 1.1.1 looks for rules of IPv6 that it did not make; that of bandwidth panics without limits.
        Path file = temp.resolve("conf/10-test.conflist");
        Files.writeString(file, Files.readString(file).replaceAll("(?s),\\s*\\{\"type\": \"portmap\".*]", "]"));
        TestNode.run(temp, node -> {
            try (CniNetworks network = open()) {
                Path netns = node.pod("a");
                var request = PodNetworkRequest.plain("a", "pod", "ns", "uid", netns.toString());
                network.attach(request);
                network.check(request);
                node.in(netns, () -> {
                    try (Rtnetlink net = Rtnetlink.open()) {
                        net.delete("eth0");
                    }
                    return 0;
                });
                assertThatThrownBy(() -> network.check(request)).isInstanceOf(Fault.class);
                network.detach(request);
                assertThat(reserved()).isEmpty();
            }
        });
    }

    @Test
    void aNamespaceThatIsGoneStillGivesItsAddressBack() throws Exception {
        configure("1.0.0");
        TestNode.run(temp, node -> {
            try (CniNetworks network = open()) {
                Path netns = node.pod("a");
                network.attach(request("a", netns));
                assertThat(reserved()).hasSize(1);
                node.namespaces().remove("a");
                network.detach(request("a", netns));
                assertThat(reserved()).isEmpty();
            }
        });
    }

    @Test
    void aPluginThatRefusesItsConfigurationLeavesNothing() throws Exception {
        configure("1.0.0");
        Path file = temp.resolve("conf/10-test.conflist");
        Files.writeString(file, Files.readString(file).replace("\"type\": \"portmap\"", "\"type\": \"vlan\""));
        TestNode.run(temp, node -> {
            try (CniNetworks network = open()) {
                Path netns = node.pod("a");
                assertThatThrownBy(() -> network.attach(request("a", netns)))
                        .isInstanceOf(Fault.class)
                        .hasMessageContaining("CNI plugin vlan ADD");
                assertThat(reserved()).isEmpty();
                assertThat(node.namespaces().links("a")).extracting(Link::name).doesNotContain("eth0");
                try (Rtnetlink net = Rtnetlink.open()) {
                    assertThat(net.links())
                            .noneMatch(l -> l.kind().equals("veth") && !l.name().equals("up0"));
                }
            }
        });
    }

    @Test
    void bandwidthIsLimited() throws Exception {
        configure("1.0.0");
        TestNode.run(temp, node -> {
            try (CniNetworks network = open()) {
                Path netns = node.pod("a");
                PodNetworkRequest plain = request("a", netns);
                PodNetworkRequest limited = new PodNetworkRequest(
                        "a",
                        "n",
                        "ns",
                        "u",
                        netns.toString(),
                        plain.ports(),
                        new Bandwidth(1_000_000, 2_000_000),
                        null,
                        Map.of(),
                        "",
                        List.of(),
                        "");
                network.attach(limited);
                Process tc = new ProcessBuilder("tc", "qdisc")
                        .redirectErrorStream(true)
                        .start();
                assertThat(new String(tc.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8))
                        .contains("rate 1Mbit")
                        .contains("rate 2Mbit");
                tc.waitFor();
                network.detach(limited);
            }
        });
    }

    private void configure(String version) throws IOException {
        Files.createDirectories(temp.resolve("conf"));
        Files.writeString(temp.resolve("conf/10-test.conflist"), """
                {
                  "cniVersion": "VERSION",
                  "name": "test",
                  "plugins": [
                    {
                      "type": "bridge", "bridge": "btcni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
                      "ipam": {
                        "type": "host-local", "dataDir": "TEMP/ipam",
                        "ranges": [[{"subnet": "10.207.16.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]
                      }
                    },
                    {"type": "portmap", "capabilities": {"portMappings": true}},
                    {"type": "bandwidth", "capabilities": {"bandwidth": true}}
                  ]
                }
                """.replace("VERSION", version)
                .replace("TEMP", temp.toString()));
    }

    private CniNetworks open() throws IOException {
        var config = new CniConfig(temp.resolve("conf"), List.of(BIN), temp.resolve("cache"), Duration.ofSeconds(30));
        return CniNetworks.open(config, new LinuxDisk(), Ticker.system());
    }

    /** The addresses that host-local holds. */
    private List<String> reserved() throws IOException {
        try (Stream<Path> files = Files.list(temp.resolve("ipam/test"))) {
            return files.map(f -> f.getFileName().toString())
                    .filter(f -> f.startsWith("10."))
                    .toList();
        }
    }

    private static PodNetworkRequest request(String id, Path netns) {
        var ports = List.of(new PortMapping(Protocol.TCP, 80, 12000, ""));
        return new PodNetworkRequest(
                id, "pod", "ns", "uid", netns.toString(), ports, null, null, Map.of(), "", List.of(), "");
    }
}

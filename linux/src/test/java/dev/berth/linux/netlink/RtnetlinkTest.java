package dev.berth.linux.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.FreshNetwork;
import dev.berth.linux.LinuxException;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** On the real kernel, in namespaces of our own. */
class RtnetlinkTest {
    private static final String MAC = "0a:58:0a:58:00:01";

    @Test
    void aNewNamespaceHasOnlyItsLoopbackDown() throws Exception {
        List<Link> links = inside(Rtnetlink::links);

        assertThat(links).extracting(Link::name).contains("lo");
        assertThat(links).noneMatch(Link::up);
    }

    @Test
    void aBridgeIsMadeUpWithTheMacAndMtuThatWereAskedFor() throws Exception {
        Link bridge = inside(net -> {
            net.createBridge("bt0", MAC, 1400);
            return net.link("bt0");
        });

        assertThat(bridge.kind()).isEqualTo("bridge");
        assertThat(bridge.mac()).isEqualTo(MAC);
        assertThat(bridge.mtu()).isEqualTo(1400);
        assertThat(bridge.up()).isTrue();
    }

    @Test
    void theFarEndOfAVethIsBornInItsNamespace() throws Exception {
        try (Fd far = FreshNetwork.open()) {
            Link near = inside(net -> {
                net.createBridge("bt0", MAC, 0);
                int bridge = net.link("bt0").index();
                net.createVeth(new Veth("btveth", bridge, "eth0", "0a:58:0a:58:00:02", 1400, far.number()));
                assertThat(net.find("eth0")).isEmpty();
                assertThat(net.link("btveth").master()).isEqualTo(bridge);
                assertThat(ip(
                                "nsenter",
                                "--net="
                                        + far.procPathFor(
                                                ProcessHandle.current().pid()),
                                "ip",
                                "link"))
                        .contains("eth0@")
                        .contains("0a:58:0a:58:00:02")
                        .contains("mtu 1400");
                return net.link("btveth");
            });

            assertThat(near.kind()).isEqualTo("veth");
            assertThat(near.up()).isTrue();
            assertThat(near.mtu()).isEqualTo(1400);
        }
    }

    @Test
    void aLinkIsRenamedResizedAddressedAndDeleted() throws Exception {
        inside(net -> {
            net.createBridge("btold", "0a:58:0a:58:00:09", 0);
            int link = net.link("btold").index();
            net.setUp(link, false);
            net.rename(link, "btnew");
            net.setMtu(link, 1300);
            net.setMac(link, MAC);
            net.setUp(link, true);
            assertThat(net.link("btnew").mtu()).isEqualTo(1300);
            assertThat(net.link("btnew").mac()).isEqualTo(MAC);
            assertThat(net.link("btnew").up()).isTrue();
            net.setUp(link, false);
            assertThat(net.link("btnew").up()).isFalse();
            net.delete("btnew");
            net.delete("btnew");
            assertThat(net.find("btnew")).isEmpty();
            return link;
        });
    }

    @Test
    void addressesOfBothFamiliesComeAndGo() throws Exception {
        inside(net -> {
            net.createBridge("btd", MAC, 0);
            int link = net.link("btd").index();
            net.setUp(link, true);
            IpPrefix four = IpPrefix.parse("10.209.0.1/24");
            IpPrefix six = IpPrefix.parse("fd00:209::1/64");
            net.addAddress(link, four);
            net.addAddress(link, four);
            net.addAddress(link, six);
            assertThat(net.addresses(link)).contains(four, six);
            assertThat(ip("ip", "-6", "addr", "show", "btd")).contains("nodad").doesNotContain("tentative fd00");
            net.removeAddress(link, four);
            net.removeAddress(link, four);
            assertThat(net.addresses(link)).contains(six).doesNotContain(four);
            return link;
        });
    }

    @Test
    void routesOfBothFamiliesAreAddedAndListed() throws Exception {
        inside(net -> {
            net.createBridge("btd", MAC, 0);
            int link = net.link("btd").index();
            net.setUp(link, true);
            net.addAddress(link, IpPrefix.parse("10.209.0.2/24"));
            net.addAddress(link, IpPrefix.parse("fd00:209::2/64"));
            var all = List.of(
                    new Route(IpPrefix.parse("0.0.0.0/0"), InetAddress.ofLiteral("10.209.0.1"), link),
                    new Route(IpPrefix.parse("::/0"), InetAddress.ofLiteral("fd00:209::1"), link),
                    new Route(IpPrefix.parse("10.210.0.0/16"), null, link));
            for (Route route : all) {
                net.addRoute(route);
                net.addRoute(route);
            }
            assertThat(net.routes()).containsAll(all);
            assertThat(net.routes()).contains(new Route(IpPrefix.parse("10.209.0.0/24"), null, link));
            return link;
        });
    }

    @Test
    void aRefusalCarriesErrnoAndTheKernelsSentence() throws Exception {
        inside(net -> {
            assertThatThrownBy(() -> net.createBridge("a-name-that-is-too-long", MAC, 0))
                    .isInstanceOf(LinuxException.class)
                    .hasMessageContaining("create bridge a-name-that-is-too-long")
                    .hasMessageContaining("Attribute failed policy validation");
            net.createBridge("btd", MAC, 0);
            assertThatThrownBy(() -> net.createBridge("btd", MAC, 0))
                    .isInstanceOfSatisfying(
                            LinuxException.class,
                            e -> assertThat(e.is(Errno.EEXIST)).isTrue());
            assertThatThrownBy(() -> net.link("btnone"))
                    .isInstanceOfSatisfying(
                            LinuxException.class,
                            e -> assertThat(e.is(Errno.ENODEV)).isTrue());
            return 0;
        });
    }

    @Test
    void countersGrowWithTraffic() throws Exception {
        Link lo = inside(net -> {
            net.setUp(net.link("lo").index(), true);
            try (var socket = new DatagramSocket(0, InetAddress.ofLiteral("127.0.0.1"))) {
                socket.send(new DatagramPacket(new byte[1000], 1000, socket.getLocalSocketAddress()));
            }
            return net.link("lo");
        });

        assertThat(lo.counters().rxBytes()).isEqualTo(1028);
        assertThat(lo.counters().txPackets()).isEqualTo(1);
        assertThat(lo.counters().rxErrors()).isZero();
    }

    @Test
    void manyLinksAreListedWhole() throws Exception {
        List<Link> links = inside(net -> {
            for (int i = 0; i < 60; i++) {
                net.createBridge("btd" + i, MAC, 0);
            }
            return net.links();
        });

        assertThat(links).extracting(Link::name).contains("btd0", "btd59").doesNotHaveDuplicates();
    }

    private interface Body<T> {
        T run(Rtnetlink net) throws Exception;
    }

    private static <T> T inside(Body<T> body) throws Exception {
        return FreshNetwork.run(() -> {
            try (Rtnetlink net = Rtnetlink.open()) {
                return body.run(net);
            }
        });
    }

    /** What a program prints; it is started by a thread in the namespace and so it runs in there too. */
    static String ip(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return text;
    }
}

package dev.berth.linux.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.linux.Errno;
import dev.berth.linux.FreshNetwork;
import dev.berth.linux.LinuxException;
import java.net.InetAddress;
import org.junit.jupiter.api.Test;

/** What we write, read back by the {@code nft} program. */
class NftBatchTest {
    private static final InetAddress POD = InetAddress.ofLiteral("10.209.0.2");
    private static final InetAddress POD6 = InetAddress.ofLiteral("fd00:209::2");

    @Test
    void everyKindOfRuleReadsAsOneWouldHaveTypedIt() throws Exception {
        String listing = FreshNetwork.run(() -> {
            base().commit("base");
            return RtnetlinkTest.ip("nft", "list", "ruleset");
        });

        assertThat(listing)
                .contains("type inet_proto . inet_service : ipv4_addr . inet_service")
                .contains("type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service")
                .contains("dnat ip to meta l4proto . ip daddr . th dport map @at")
                .contains("fib daddr type local dnat ip to meta l4proto . th dport map @ports")
                .contains("type nat hook prerouting priority dstnat; policy accept;")
                .contains("type nat hook output priority -100; policy accept;")
                .contains("jump hostports")
                .contains("type nat hook postrouting priority srcnat; policy accept;")
                .contains("ip saddr 10.209.0.0/20 ip daddr != 10.209.0.0/20 oifname != \"bt0\" masquerade")
                .contains("oifname \"bt0\" ct status dnat ip saddr 127.0.0.0/8 masquerade")
                .contains("type filter hook prerouting priority raw; policy accept;")
                .contains("iifname \"bt0\" ip daddr 127.0.0.0/8 drop")
                .contains("dnat ip6 to meta l4proto . ip6 daddr . th dport map @at")
                .contains("dnat ip6 to meta l4proto . th dport map @ports");
    }

    @Test
    void entriesComeAndGo() throws Exception {
        FreshNetwork.run(() -> {
            base().commit("base");
            var tcp = new NftBatch.PortKey(6, null, 12000);
            var udp = new NftBatch.PortKey(17, InetAddress.ofLiteral("192.0.2.7"), 65535);
            var six = new NftBatch.PortKey(6, null, 12001);
            new NftBatch()
                    .add(NftFamily.IPV4, "bt0", "ports", tcp, POD, 80)
                    .add(NftFamily.IPV4, "bt0", "at", udp, POD, 53)
                    .add(NftFamily.IPV6, "bt0", "ports", six, POD6, 8080)
                    .commit("entries");
            assertThat(RtnetlinkTest.ip("nft", "list", "ruleset"))
                    .contains("tcp . 12000 : 10.209.0.2 . 80")
                    .contains("udp . 192.0.2.7 . 65535 : 10.209.0.2 . 53")
                    .contains("tcp . 12001 : fd00:209::2 . 8080");
            new NftBatch().remove(NftFamily.IPV4, "bt0", "ports", tcp).commit("remove");
            assertThat(RtnetlinkTest.ip("nft", "list", "ruleset")).doesNotContain("12000");
            return 0;
        });
    }

    @Test
    void aBatchHappensWholeOrNotAtAll() throws Exception {
        FreshNetwork.run(() -> {
            base().commit("base");
            var here = new NftBatch.PortKey(6, null, 12000);
            var missing = new NftBatch.PortKey(6, null, 12001);
            NftBatch half = new NftBatch()
                    .add(NftFamily.IPV4, "bt0", "ports", here, POD, 80)
                    .remove(NftFamily.IPV4, "bt0", "ports", missing);
            assertThatThrownBy(() -> half.commit("half"))
                    .isInstanceOfSatisfying(
                            LinuxException.class,
                            e -> assertThat(e.is(Errno.ENOENT)).isTrue());
            assertThat(RtnetlinkTest.ip("nft", "list", "ruleset")).doesNotContain("12000");
            return 0;
        });
    }

    @Test
    void aTableIsReplacedInOneStep() throws Exception {
        FreshNetwork.run(() -> {
            base().commit("base");
            base().commit("again");
            new NftBatch()
                    .deleteTable(NftFamily.IPV4, "bt0")
                    .deleteTable(NftFamily.IPV6, "bt0")
                    .commit("delete");
            assertThat(RtnetlinkTest.ip("nft", "list", "ruleset")).isBlank();
            return 0;
        });
    }

    private static NftBatch base() {
        NftBatch batch = new NftBatch();
        for (NftFamily family : NftFamily.values()) {
            batch.table(family, "bt0")
                    .deleteTable(family, "bt0")
                    .table(family, "bt0")
                    .portMap(family, "bt0", "ports", false)
                    .portMap(family, "bt0", "at", true)
                    .chain(family, "bt0", "hostports")
                    .rule("bt0", "hostports", family, new NftRule(family).redirectByAddressAndPort("at"))
                    .rule(
                            "bt0",
                            "hostports",
                            family,
                            new NftRule(family).destinationIsLocal().redirectByPort("ports"))
                    .chain(family, "bt0", "pre", NftBatch.ChainType.DESTINATION_NAT, NftBatch.Hook.PREROUTING)
                    .rule("bt0", "pre", family, new NftRule(family).jump("hostports"))
                    .chain(family, "bt0", "out", NftBatch.ChainType.DESTINATION_NAT, NftBatch.Hook.OUTPUT)
                    .chain(family, "bt0", "post", NftBatch.ChainType.SOURCE_NAT, NftBatch.Hook.POSTROUTING)
                    .chain(family, "bt0", "guard", NftBatch.ChainType.RAW, NftBatch.Hook.PREROUTING);
        }
        IpPrefix pods = IpPrefix.parse("10.209.0.0/20");
        IpPrefix loopback = IpPrefix.parse("127.0.0.0/8");
        return batch.rule(
                        "bt0",
                        "post",
                        NftFamily.IPV4,
                        v4().source(pods).notDestination(pods).notTo("bt0").masquerade())
                .rule(
                        "bt0",
                        "post",
                        NftFamily.IPV4,
                        v4().to("bt0").redirected().source(loopback).masquerade())
                .rule(
                        "bt0",
                        "guard",
                        NftFamily.IPV4,
                        v4().from("bt0").destination(loopback).drop());
    }

    private static NftRule v4() {
        return new NftRule(NftFamily.IPV4);
    }
}

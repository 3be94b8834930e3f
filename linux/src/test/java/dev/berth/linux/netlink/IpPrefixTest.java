package dev.berth.linux.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IpPrefixTest {
    @ParameterizedTest
    @CsvSource({
        "10.88.0.1/16, 10.88.0.0/16",
        "10.88.37.9/20, 10.88.32.0/20",
        "192.0.2.7, 192.0.2.7/32",
        "fd00:1:2:3:4::5/60, fd00:1:2::/60",
        "0.0.0.0/0, 0.0.0.0/0",
        "::/0, ::/0"
    })
    void networkOf(String prefix, String network) {
        assertThat(IpPrefix.parse(prefix).network()).hasToString(network);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "/",
                "10.88.0.0/33",
                "10.88.0.0/-1",
                "10.88.0.0/",
                "10.88/16",
                "0x0a580001/8",
                "fe80::1%eth0/64",
                "localhost/8",
                "fd00::/129",
                "10.0.0.0/1 6"
            })
    void refused(String text) {
        assertThatThrownBy(() -> IpPrefix.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void addressesByNumber() {
        assertThat(IpPrefix.parse("10.88.0.0/16").at(258)).isEqualTo(InetAddress.ofLiteral("10.88.1.2"));
        assertThat(IpPrefix.parse("fd00::/64").at(0x10203)).isEqualTo(InetAddress.ofLiteral("fd00::1:203"));
        assertThat(IpPrefix.parse("10.88.0.0/30").at(3)).isEqualTo(InetAddress.ofLiteral("10.88.0.3"));
        assertThatThrownBy(() -> IpPrefix.parse("10.88.0.0/30").at(4)).isInstanceOf(IllegalArgumentException.class);
        assertThat(IpPrefix.parse("fd00::/64").numberOf(InetAddress.ofLiteral("fd00::1:203")))
                .isEqualTo(0x10203);
        assertThatThrownBy(() -> IpPrefix.parse("fd00::/64").numberOf(InetAddress.ofLiteral("fd01::1")))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void overlapsBothWaysAndNeverAcrossFamilies() {
        IpPrefix wide = IpPrefix.parse("10.88.0.0/16");
        IpPrefix narrow = IpPrefix.parse("10.88.7.0/24");
        assertThat(wide.overlaps(narrow)).isTrue();
        assertThat(narrow.overlaps(wide)).isTrue();
        assertThat(narrow.overlaps(IpPrefix.parse("10.88.8.0/24"))).isFalse();
        assertThat(wide.overlaps(IpPrefix.parse("::/0"))).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "fd00:0:0:1:0:0:0:2, fd00:0:0:1::2",
        "0:0:0:0:0:0:0:1, ::1",
        "2001:db8:0:1:1:1:1:1, 2001:db8:0:1:1:1:1:1",
        "fe80:0:0:0:0:0:0:0, fe80::"
    })
    void textOfIpv6(String long_, String short_) {
        assertThat(IpPrefix.text(InetAddress.ofLiteral(long_))).isEqualTo(short_);
    }
}

package dev.berth.linux.netlink;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** How links are written and read: {@code struct ifinfomsg} and the attributes after it. */
final class LinkMessages {
    static final int IFLA_ADDRESS = 1;
    static final int IFLA_IFNAME = 3;
    static final int IFLA_MTU = 4;
    private static final int IFLA_LINK = 5;
    static final int IFLA_MASTER = 10;
    private static final int IFLA_PROTINFO = 12;
    private static final int IFLA_LINKINFO = 18;
    private static final int IFLA_STATS64 = 23;
    private static final int IFLA_NET_NS_FD = 28;
    private static final int IFLA_INFO_KIND = 1;
    private static final int IFLA_INFO_DATA = 2;
    private static final int IFLA_BRPORT_MODE = 4;
    private static final int VETH_INFO_PEER = 1;
    private static final int RTM_SETLINK = 19;
    private static final int AF_BRIDGE = 7;
    static final int IFF_UP = 1;
    private static final int INFO_BYTES = 16;

    private LinkMessages() {}

    static NetlinkMessage about(int type, int flags, int link) {
        return info(new NetlinkMessage(type, flags), link, 0, 0);
    }

    /** A request that also sets whether the link is up. */
    static NetlinkMessage about(int type, int flags, int link, int up) {
        return info(new NetlinkMessage(type, flags), link, up, IFF_UP);
    }

    private static NetlinkMessage info(NetlinkMessage message, int link, int flags, int change) {
        return message.u8(0).u8(0).u16(0).u32(link).u32(flags).u32(change);
    }

    private static NetlinkMessage creation(String name) {
        return about(Rtnetlink.NEWLINK, NetlinkMessage.CREATE | NetlinkMessage.EXCL, 0, IFF_UP)
                .text(IFLA_IFNAME, name);
    }

    static NetlinkMessage bridge(String name, String mac, int mtu) {
        NetlinkMessage message = creation(name).bytes(IFLA_ADDRESS, Link.macBytes(mac));
        if (mtu > 0) {
            message.number(IFLA_MTU, mtu);
        }
        return message.nest(IFLA_LINKINFO, i -> i.text(IFLA_INFO_KIND, "bridge"));
    }

    static NetlinkMessage veth(Veth veth) {
        NetlinkMessage message = creation(veth.name());
        if (veth.mtu() > 0) {
            message.number(IFLA_MTU, veth.mtu());
        }
        if (veth.master() > 0) {
            message.number(IFLA_MASTER, veth.master());
        }
        return message.nest(
                IFLA_LINKINFO,
                i -> i.text(IFLA_INFO_KIND, "veth")
                        .nest(IFLA_INFO_DATA, d -> d.nest(VETH_INFO_PEER, p -> peer(p, veth))));
    }

    static NetlinkMessage hairpin(int port) {
        return new NetlinkMessage(RTM_SETLINK, 0)
                .u8(AF_BRIDGE)
                .u8(0)
                .u16(0)
                .u32(port)
                .u32(0)
                .u32(0)
                .nest(IFLA_PROTINFO, p -> p.small(IFLA_BRPORT_MODE, 1));
    }

    private static void peer(NetlinkMessage message, Veth veth) {
        info(message, 0, 0, 0).text(IFLA_IFNAME, veth.peerName()).number(IFLA_NET_NS_FD, veth.peerNamespace());
        if (!veth.peerMac().isEmpty()) {
            message.bytes(IFLA_ADDRESS, Link.macBytes(veth.peerMac()));
        }
        if (veth.mtu() > 0) {
            message.number(IFLA_MTU, veth.mtu());
        }
    }

    static Link read(ByteBuffer body) {
        int index = body.getInt(4);
        int flags = body.getInt(8);
        Attributes attributes = Attributes.read(body.position(INFO_BYTES));
        byte[] mac = attributes.bytes(IFLA_ADDRESS);
        return new Link(
                index,
                attributes.text(IFLA_IFNAME),
                attributes.nested(IFLA_LINKINFO).text(IFLA_INFO_KIND),
                mac == null || mac.length != 6 ? "" : Link.macText(mac),
                attributes.number(IFLA_MTU, 0),
                (flags & IFF_UP) != 0,
                attributes.number(IFLA_MASTER, 0),
                attributes.number(IFLA_LINK, 0),
                counters(attributes.get(IFLA_STATS64)));
    }

    /** {@code struct rtnl_link_stats64}: packets, bytes, errors, dropped, each received and then sent. */
    private static Link.Counters counters(@Nullable ByteBuffer stats) {
        if (stats == null || stats.remaining() < 64) {
            return Link.Counters.NONE;
        }
        return new Link.Counters(
                stats.getLong(16),
                stats.getLong(0),
                stats.getLong(32),
                stats.getLong(48),
                stats.getLong(24),
                stats.getLong(8),
                stats.getLong(40),
                stats.getLong(56));
    }
}

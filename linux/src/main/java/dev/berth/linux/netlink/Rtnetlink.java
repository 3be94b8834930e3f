package dev.berth.linux.netlink;

import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.linux.NetlinkSocket;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Links, addresses and routes of one network namespace: that of the thread which called {@link #open}. Errors carry the
 * kernel's own sentence where it has one.
 *
 * @see <a href="https://man7.org/linux/man-pages/man7/rtnetlink.7.html">rtnetlink(7)</a>
 */
public final class Rtnetlink implements AutoCloseable {
    static final int NEWLINK = 16;
    private static final int DELLINK = 17;
    private static final int GETLINK = 18;
    private static final int NEWADDR = 20;
    private static final int DELADDR = 21;
    private static final int GETADDR = 22;
    private static final int NEWROUTE = 24;
    private static final int GETROUTE = 26;

    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;
    private static final int TABLE_MAIN = 254;
    private static final int PROTOCOL_STATIC = 4;
    private static final int SCOPE_UNIVERSE = 0;
    private static final int SCOPE_LINK = 253;
    private static final int TYPE_UNICAST = 1;

    private static final int IFA_LOCAL = 2;
    private static final int IFA_ADDRESS = 1;
    private static final int IFA_F_NODAD = 0x02;
    private static final int RTA_DST = 1;
    private static final int RTA_OIF = 4;
    private static final int RTA_GATEWAY = 5;

    private final Conversation kernel;

    private Rtnetlink(Conversation kernel) {
        this.kernel = kernel;
    }

    /** Opens a conversation about the network namespace of the calling thread. */
    public static Rtnetlink open() throws LinuxException {
        return new Rtnetlink(Conversation.open(NetlinkSocket.ROUTE));
    }

    /** All links, with their counters. */
    public List<Link> links() throws LinuxException {
        return kernel.dump("list links", LinkMessages.about(GETLINK, 0, 0), LinkMessages::read);
    }

    /** The link of this name, empty if there is none. */
    public Optional<Link> find(String name) throws LinuxException {
        NetlinkMessage request = LinkMessages.about(GETLINK, 0, 0).text(LinkMessages.IFLA_IFNAME, name);
        try {
            return Optional.of(kernel.ask("find link " + name, request, LinkMessages::read));
        } catch (LinuxException e) {
            if (e.is(Errno.ENODEV)) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /** The link of this name; ENODEV if there is none. */
    public Link link(String name) throws LinuxException {
        return find(name).orElseThrow(() -> new LinuxException("find link " + name, Errno.ENODEV));
    }

    /**
     * Makes a bridge and brings it up. Its MAC address stays whatever ports come and go, so that no neighbour has to learn it
     * again.
     *
     * @param mtu in bytes, 0 for the kernel's choice
     */
    public void createBridge(String name, String mac, int mtu) throws LinuxException {
        kernel.change("create bridge " + name, LinkMessages.bridge(name, mac, mtu));
    }

    /** Makes a veth pair in one step: the near end is up and a port of its bridge, the far end is born in its namespace (down). */
    public void createVeth(Veth veth) throws LinuxException {
        kernel.change("create veth " + veth.name(), LinkMessages.veth(veth));
    }

    public void setUp(int link, boolean up) throws LinuxException {
        NetlinkMessage request = LinkMessages.about(NEWLINK, 0, link, up ? LinkMessages.IFF_UP : 0);
        kernel.change("set link " + link + (up ? " up" : " down"), request);
    }

    public void setMtu(int link, int mtu) throws LinuxException {
        NetlinkMessage request = LinkMessages.about(NEWLINK, 0, link).number(LinkMessages.IFLA_MTU, mtu);
        kernel.change("set the mtu of link " + link + " to " + mtu, request);
    }

    /** Makes a link a port of the bridge {@code master}; 0 takes it out of its bridge. */
    public void setMaster(int link, int master) throws LinuxException {
        NetlinkMessage request = LinkMessages.about(NEWLINK, 0, link).number(LinkMessages.IFLA_MASTER, master);
        kernel.change("set the master of link " + link + " to " + master, request);
    }

    public void setMac(int link, String mac) throws LinuxException {
        NetlinkMessage request =
                LinkMessages.about(NEWLINK, 0, link).bytes(LinkMessages.IFLA_ADDRESS, Link.macBytes(mac));
        kernel.change("set the mac of link " + link + " to " + mac, request);
    }

    /** Lets a port of a bridge get back what came from it, which a pod needs that speaks to itself by a port of the node. */
    public void setHairpin(int port) throws LinuxException {
        kernel.change("set hairpin mode of link " + port, LinkMessages.hairpin(port));
    }

    /** The link must be down on kernels before 6.2. */
    public void rename(int link, String name) throws LinuxException {
        NetlinkMessage request = LinkMessages.about(NEWLINK, 0, link).text(LinkMessages.IFLA_IFNAME, name);
        kernel.change("rename link " + link + " to " + name, request);
    }

    /** Deletes a link; slow (it waits for readers of the kernel's tables, some 20 ms). Does nothing if there is none. */
    public void delete(String name) throws LinuxException {
        NetlinkMessage request = LinkMessages.about(DELLINK, 0, 0).text(LinkMessages.IFLA_IFNAME, name);
        try {
            kernel.change("delete link " + name, request);
        } catch (LinuxException e) {
            if (!e.is(Errno.ENODEV)) {
                throw e;
            }
        }
    }

    /** Gives an address to a link, for IPv6 without asking around whether somebody else has it. Harmless if it has it already. */
    public void addAddress(int link, IpPrefix address) throws LinuxException {
        NetlinkMessage request = aboutAddress(NEWADDR, NetlinkMessage.CREATE | NetlinkMessage.REPLACE, link, address);
        kernel.change("add address " + address + " to link " + link, request);
    }

    /** Takes an address away. Does nothing if the link does not have it. */
    public void removeAddress(int link, IpPrefix address) throws LinuxException {
        try {
            kernel.change("remove address " + address, aboutAddress(DELADDR, 0, link, address));
        } catch (LinuxException e) {
            if (!e.is(Errno.EADDRNOTAVAIL)) {
                throw e;
            }
        }
    }

    private static NetlinkMessage aboutAddress(int type, int flags, int link, IpPrefix address) {
        boolean v6 = address.isV6();
        byte[] bytes = address.address().getAddress();
        return new NetlinkMessage(type, flags)
                .u8(v6 ? AF_INET6 : AF_INET)
                .u8(address.bits())
                .u8(v6 ? IFA_F_NODAD : 0)
                .u8(SCOPE_UNIVERSE)
                .u32(link)
                .bytes(IFA_LOCAL, bytes)
                .bytes(IFA_ADDRESS, bytes);
    }

    /** The addresses of a link, of both families. */
    public List<IpPrefix> addresses(int link) throws LinuxException {
        NetlinkMessage request =
                new NetlinkMessage(GETADDR, 0).u8(0).u8(0).u8(0).u8(0).u32(link);
        List<LinkAddress> all = kernel.dump("list addresses", request, LinkAddress::read);
        return all.stream()
                .filter(a -> a.link() == link)
                .map(LinkAddress::address)
                .toList();
    }

    private record LinkAddress(int link, IpPrefix address) {
        static LinkAddress read(ByteBuffer body) {
            int bits = Byte.toUnsignedInt(body.get(1));
            int link = body.getInt(4);
            Attributes attributes = Attributes.read(body.position(8));
            byte[] local = attributes.bytes(IFA_LOCAL); // IPv6 has no local part unless it differs from the address
            byte[] bytes = local != null ? local : attributes.bytes(IFA_ADDRESS);
            return new LinkAddress(link, prefix(bytes, bits));
        }
    }

    /** Adds a route. Harmless if the same one is there. */
    public void addRoute(Route route) throws LinuxException {
        IpPrefix destination = route.destination();
        InetAddress gateway = route.gateway();
        NetlinkMessage request = new NetlinkMessage(NEWROUTE, NetlinkMessage.CREATE | NetlinkMessage.REPLACE)
                .u8(destination.isV6() ? AF_INET6 : AF_INET)
                .u8(destination.bits())
                .u8(0)
                .u8(0)
                .u8(TABLE_MAIN)
                .u8(PROTOCOL_STATIC)
                .u8(gateway == null && !destination.isV6() ? SCOPE_LINK : SCOPE_UNIVERSE)
                .u8(TYPE_UNICAST)
                .u32(0);
        if (!route.isDefault()) {
            request.bytes(RTA_DST, destination.network().address().getAddress());
        }
        if (gateway != null) {
            request.bytes(RTA_GATEWAY, gateway.getAddress());
        }
        kernel.change("add route to " + destination, request.number(RTA_OIF, route.link()));
    }

    /** The unicast routes of the main table, of both families. */
    public List<Route> routes() throws LinuxException {
        NetlinkMessage request = new NetlinkMessage(GETROUTE, 0).u32(0).u32(0).u32(0);
        List<Optional<Route>> all = kernel.dump("list routes", request, Rtnetlink::readRoute);
        return all.stream().flatMap(Optional::stream).toList();
    }

    private static Optional<Route> readRoute(ByteBuffer body) {
        int family = body.get(0);
        int bits = Byte.toUnsignedInt(body.get(1));
        int table = Byte.toUnsignedInt(body.get(4));
        int type = body.get(7);
        if (table != TABLE_MAIN || type != TYPE_UNICAST || (family != AF_INET && family != AF_INET6)) {
            return Optional.empty();
        }
        Attributes attributes = Attributes.read(body.position(12));
        byte[] destination = attributes.bytes(RTA_DST);
        byte[] gateway = attributes.bytes(RTA_GATEWAY);
        byte[] any = new byte[family == AF_INET6 ? 16 : 4];
        return Optional.of(new Route(
                prefix(destination == null ? any : destination, bits),
                gateway == null ? null : prefix(gateway, 0).address(),
                attributes.number(RTA_OIF, 0)));
    }

    private static IpPrefix prefix(byte @Nullable [] bytes, int bits) {
        try {
            return new IpPrefix(InetAddress.getByAddress(bytes == null ? new byte[4] : bytes), bits);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("the kernel sent an address of a strange length", e);
        }
    }

    @Override
    public void close() {
        kernel.close();
    }
}

package dev.berth.linux.netlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * One rule of nftables: conditions, then what happens. Each call appends the same small program that the {@code nft} program
 * would compile, so that its listing shows the rule as one would have typed it (the text in the comments).
 *
 * <p>The kernel's virtual machine has registers of 4 bytes; a key of several parts lies in neighbouring ones.
 */
public final class NftRule {
    private static final int VERDICT_REGISTER = 0;
    private static final int FIRST_REGISTER = 8; // NFT_REG32_00
    private static final int NETWORK_HEADER = 1;
    private static final int TRANSPORT_HEADER = 2;
    private static final int META_IIFNAME = 6;
    private static final int META_OIFNAME = 7;
    private static final int META_L4PROTO = 16;
    private static final int CT_STATUS = 2;
    private static final int IPS_DST_NAT = 1 << 5;
    private static final int FIB_RESULT_ADDRTYPE = 3;
    private static final int FIB_DADDR = 2;
    private static final int RTN_LOCAL = 2;
    private static final int NAT_DESTINATION = 1;
    private static final int NF_DROP = 0;
    private static final int NFT_JUMP = -3;
    private static final int IFNAMSIZ = 16;
    private static final int EQUAL = 0;
    private static final int UNEQUAL = 1;

    private final NftFamily family;
    private final List<Consumer<NetlinkMessage>> expressions = new ArrayList<>();

    public NftRule(NftFamily family) {
        this.family = family;
    }

    /** {@code iifname "link"}. */
    public NftRule from(String link) {
        return meta(META_IIFNAME, FIRST_REGISTER).compare(EQUAL, name(link));
    }

    /** {@code oifname "link"}. */
    public NftRule to(String link) {
        return meta(META_OIFNAME, FIRST_REGISTER).compare(EQUAL, name(link));
    }

    /** {@code oifname != "link"}. */
    public NftRule notTo(String link) {
        return meta(META_OIFNAME, FIRST_REGISTER).compare(UNEQUAL, name(link));
    }

    /** {@code ip saddr 10.88.0.0/16}. */
    public NftRule source(IpPrefix prefix) {
        return address(family.sourceOffset(), EQUAL, prefix);
    }

    /** {@code ip daddr 10.88.0.0/16}. */
    public NftRule destination(IpPrefix prefix) {
        return address(family.destinationOffset(), EQUAL, prefix);
    }

    /** {@code ip daddr != 10.88.0.0/16}. */
    public NftRule notDestination(IpPrefix prefix) {
        return address(family.destinationOffset(), UNEQUAL, prefix);
    }

    /** {@code fib daddr type local}: the destination is an address of this host. */
    public NftRule destinationIsLocal() {
        return add(
                        "fib",
                        e -> e.networkOrder(1, FIRST_REGISTER)
                                .networkOrder(2, FIB_RESULT_ADDRTYPE)
                                .networkOrder(3, FIB_DADDR))
                .compare(EQUAL, machineOrder(RTN_LOCAL));
    }

    /** {@code ct status dnat}: the connection's destination was changed by a rule. */
    public NftRule redirected() {
        add("ct", e -> e.networkOrder(1, FIRST_REGISTER).networkOrder(2, CT_STATUS));
        return mask(machineOrder(IPS_DST_NAT)).compare(UNEQUAL, new byte[4]);
    }

    /** {@code dnat to meta l4proto . th dport map @map}: on to the address and port that the map holds, if it holds one. */
    public NftRule redirectByPort(String map) {
        meta(META_L4PROTO, FIRST_REGISTER);
        payload(TRANSPORT_HEADER, 2, 2, FIRST_REGISTER + 1);
        return redirect(map);
    }

    /** {@code dnat to meta l4proto . ip daddr . th dport map @map}. */
    public NftRule redirectByAddressAndPort(String map) {
        int bytes = family.addressBytes();
        meta(META_L4PROTO, FIRST_REGISTER);
        payload(NETWORK_HEADER, family.destinationOffset(), bytes, FIRST_REGISTER + 1);
        payload(TRANSPORT_HEADER, 2, 2, FIRST_REGISTER + 1 + bytes / 4);
        return redirect(map);
    }

    private NftRule redirect(String map) {
        add("lookup", e -> e.text(1, map).networkOrder(2, FIRST_REGISTER).networkOrder(3, FIRST_REGISTER));
        return add(
                "nat",
                e -> e.networkOrder(1, NAT_DESTINATION)
                        .networkOrder(2, family.number())
                        .networkOrder(3, FIRST_REGISTER)
                        .networkOrder(5, FIRST_REGISTER + family.addressBytes() / 4));
    }

    /** {@code masquerade}: the source becomes the address of the interface that the packet leaves by. */
    public NftRule masquerade() {
        return add("masq", e -> {});
    }

    /** {@code drop}. */
    public NftRule drop() {
        return verdict(v -> v.networkOrder(1, NF_DROP));
    }

    /** {@code jump chain}. */
    public NftRule jump(String chain) {
        return verdict(v -> v.networkOrder(1, NFT_JUMP).text(2, chain));
    }

    void write(NetlinkMessage message) {
        expressions.forEach(e -> message.nest(1, e));
    }

    private NftRule address(int offset, int operation, IpPrefix prefix) {
        payload(NETWORK_HEADER, offset, family.addressBytes(), FIRST_REGISTER);
        if (prefix.bits() < 8 * family.addressBytes()) {
            mask(prefix.mask());
        }
        return compare(operation, prefix.network().address().getAddress());
    }

    private NftRule meta(int key, int register) {
        return add("meta", e -> e.networkOrder(1, register).networkOrder(2, key));
    }

    private void payload(int header, int offset, int length, int register) {
        add(
                "payload",
                e -> e.networkOrder(1, register)
                        .networkOrder(2, header)
                        .networkOrder(3, offset)
                        .networkOrder(4, length));
    }

    private NftRule mask(byte[] mask) {
        return add(
                "bitwise",
                e -> e.networkOrder(1, FIRST_REGISTER)
                        .networkOrder(2, FIRST_REGISTER)
                        .networkOrder(3, mask.length)
                        .nest(4, d -> d.bytes(1, mask))
                        .nest(5, d -> d.bytes(1, new byte[mask.length])));
    }

    private NftRule compare(int operation, byte[] with) {
        return add(
                "cmp",
                e -> e.networkOrder(1, FIRST_REGISTER)
                        .networkOrder(2, operation)
                        .nest(3, d -> d.bytes(1, with)));
    }

    private NftRule verdict(Consumer<NetlinkMessage> verdict) {
        return add("immediate", e -> e.networkOrder(1, VERDICT_REGISTER).nest(2, d -> d.nest(2, verdict)));
    }

    private NftRule add(String expression, Consumer<NetlinkMessage> content) {
        expressions.add(e -> e.text(1, expression).nest(2, content));
        return this;
    }

    private static byte[] name(String link) {
        return Arrays.copyOf(link.getBytes(StandardCharsets.UTF_8), IFNAMSIZ);
    }

    private static byte[] machineOrder(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.nativeOrder())
                .putInt(value)
                .array();
    }
}

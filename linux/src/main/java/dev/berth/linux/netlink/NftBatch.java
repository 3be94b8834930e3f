package dev.berth.linux.netlink;

import dev.berth.linux.LinuxException;
import dev.berth.linux.NetlinkSocket;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Changes to nftables that happen all at once or not at all. Each family of tables is its own argument, so one batch may
 * change several tables. Used once: {@link #commit} ends it.
 *
 * @see <a href="https://wiki.nftables.org/wiki-nftables/index.php/Portal:DeveloperDocs/nftables_internals">nftables internals</a>
 */
public final class NftBatch {
    /** Where a base chain hooks in. */
    public enum Hook {
        PREROUTING(0),
        OUTPUT(3),
        POSTROUTING(4);

        private final int number;

        Hook(int number) {
            this.number = number;
        }
    }

    /** What a base chain is for, with the priority that tables of other programs use for the same. */
    public enum ChainType {
        /** Before connection tracking. */
        RAW("filter", -300),
        DESTINATION_NAT("nat", -100),
        SOURCE_NAT("nat", 100);

        private final String type;
        private final int priority;

        ChainType(String type, int priority) {
            this.type = type;
            this.priority = priority;
        }
    }

    private static final int SUBSYSTEM = 10;
    private static final int BATCH_BEGIN = 0x10;
    private static final int BATCH_END = 0x11;
    private static final int NEW_TABLE = 0;
    private static final int DELETE_TABLE = 2;
    private static final int NEW_CHAIN = 3;
    private static final int NEW_RULE = 6;
    private static final int NEW_SET = 9;
    private static final int NEW_ELEMENT = 12;
    private static final int DELETE_ELEMENT = 14;
    private static final int SET_IS_MAP = 0x8;
    private static final int TYPE_BITS = 6; // of each part in the type number of a key of several parts
    private static final int TYPE_PROTOCOL = 12;
    private static final int TYPE_PORT = 13;

    private final List<NetlinkMessage> messages = new ArrayList<>();
    private int sets;

    public NftBatch() {
        messages.add(frame(BATCH_BEGIN));
    }

    /** Makes a table; harmless if there is one of this name. */
    public NftBatch table(NftFamily family, String table) {
        add(NEW_TABLE, NetlinkMessage.CREATE, family).text(1, table).networkOrder(2, 0);
        return this;
    }

    /** Deletes a table with all that is in it; ENOENT at commit if there is none. */
    public NftBatch deleteTable(NftFamily family, String table) {
        add(DELETE_TABLE, 0, family).text(1, table);
        return this;
    }

    /** A chain that others jump to. */
    public NftBatch chain(NftFamily family, String table, String chain) {
        add(NEW_CHAIN, NetlinkMessage.CREATE, family).text(1, table).text(3, chain);
        return this;
    }

    /** A chain that packets enter by themselves. */
    public NftBatch chain(NftFamily family, String table, String chain, ChainType type, Hook hook) {
        add(NEW_CHAIN, NetlinkMessage.CREATE, family)
                .text(1, table)
                .text(3, chain)
                .nest(4, h -> h.networkOrder(1, hook.number).networkOrder(2, type.priority))
                .text(7, type.type);
        return this;
    }

    /** Appends a rule. */
    public NftBatch rule(String table, String chain, NftFamily family, NftRule rule) {
        add(NEW_RULE, NetlinkMessage.CREATE | NetlinkMessage.APPEND, family)
                .text(1, table)
                .text(2, chain)
                .nest(4, rule::write);
        return this;
    }

    /** A map from protocol and port ({@code byAddress}: protocol, address and port) to an address and a port. */
    public NftBatch portMap(NftFamily family, String table, String map, boolean byAddress) {
        int address = family.addressType();
        int port = byAddress ? TYPE_PROTOCOL << TYPE_BITS | address : TYPE_PROTOCOL;
        int keyBytes = byAddress ? 8 + family.addressBytes() : 8;
        add(NEW_SET, NetlinkMessage.CREATE, family)
                .text(1, table)
                .text(2, map)
                .networkOrder(3, SET_IS_MAP)
                .networkOrder(4, port << TYPE_BITS | TYPE_PORT)
                .networkOrder(5, keyBytes)
                .networkOrder(6, address << TYPE_BITS | TYPE_PORT)
                .networkOrder(7, family.addressBytes() + 4)
                .networkOrder(10, ++sets);
        return this;
    }

    /**
     * One entry of a port map.
     *
     * @param protocol 6 for TCP, 17 for UDP, 132 for SCTP
     * @param at the address asked for in a map by address, otherwise null
     */
    public record PortKey(int protocol, @Nullable InetAddress at, int port) {
        byte[] bytes() {
            byte[] address = at == null ? new byte[0] : at.getAddress();
            return ByteBuffer.allocate(8 + address.length)
                    .put((byte) protocol)
                    .position(4)
                    .put(address)
                    .putShort((short) port)
                    .array();
        }
    }

    /** Adds an entry; EEXIST at commit if the key is there with another value. */
    public NftBatch add(NftFamily family, String table, String map, PortKey key, InetAddress to, int port) {
        byte[] address = to.getAddress();
        byte[] value = ByteBuffer.allocate(address.length + 4)
                .put(address)
                .putShort((short) port)
                .array();
        add(NEW_ELEMENT, NetlinkMessage.CREATE, family)
                .text(1, table)
                .text(2, map)
                .nest(
                        3,
                        list -> list.nest(
                                1,
                                element -> element.nest(1, k -> k.bytes(1, key.bytes()))
                                        .nest(2, v -> v.bytes(1, value))));
        return this;
    }

    /** Removes an entry; ENOENT at commit if it is not there. */
    public NftBatch remove(NftFamily family, String table, String map, PortKey key) {
        add(DELETE_ELEMENT, 0, family)
                .text(1, table)
                .text(2, map)
                .nest(3, list -> list.nest(1, element -> element.nest(1, k -> k.bytes(1, key.bytes()))));
        return this;
    }

    /**
     * Makes the changes in the network namespace of the calling thread.
     *
     * @param what the action, for the error's text
     */
    public void commit(String what) throws LinuxException {
        messages.add(frame(BATCH_END));
        try (var kernel = Conversation.open(NetlinkSocket.NETFILTER)) {
            kernel.batch(what, messages);
        }
    }

    private NetlinkMessage add(int command, int flags, NftFamily family) {
        NetlinkMessage message = new NetlinkMessage(SUBSYSTEM << 8 | command, flags)
                .u8(family.number())
                .u8(0)
                .u16(0);
        messages.add(message);
        return message;
    }

    /** Begin and end of a batch name the subsystem in network order. */
    private static NetlinkMessage frame(int type) {
        return new NetlinkMessage(type, 0).u8(0).u8(0).u8(0).u8(SUBSYSTEM);
    }
}

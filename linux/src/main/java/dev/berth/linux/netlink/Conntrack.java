package dev.berth.linux.netlink;

import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.linux.NetlinkSocket;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/**
 * The kernel's table of connections. A flow that is in it keeps its address translation as long as packets come, whatever
 * the rules say by now; for UDP that may be for ever.
 */
public final class Conntrack {
    private static final int SUBSYSTEM = 1;
    private static final int GET = 1;
    private static final int DELETE = 2;
    private static final int TUPLE_ORIGINAL = 1;
    private static final int ZONE = 18;
    private static final int FILTER = 25;
    private static final int TUPLE_PROTOCOL = 2;
    private static final int PROTOCOL_NUMBER = 1;
    private static final int PROTOCOL_DESTINATION_PORT = 3;
    private static final int FILTER_ORIGINAL_FLAGS = 1;
    private static final int FILTER_REPLY_FLAGS = 2;
    private static final int MATCH_PROTOCOL_NUMBER = 1 << 3;
    private static final int MATCH_DESTINATION_PORT = 1 << 5;

    private Conntrack() {}

    /**
     * Forgets the flows to a port, in the network namespace of the calling thread: the next packet of each meets the rules
     * again. The kernel looks at its whole table for this, milliseconds on a busy node.
     *
     * @param protocol 17 for UDP
     * @param port where the flow's first packet was sent to, before any translation
     * @return how many were forgotten
     */
    public static int forget(NftFamily family, int protocol, int port) throws LinuxException {
        try (Conversation kernel = Conversation.open(NetlinkSocket.NETFILTER)) {
            NetlinkMessage question = message(GET, family)
                    .nest(
                            FILTER,
                            f -> f.number(FILTER_ORIGINAL_FLAGS, MATCH_PROTOCOL_NUMBER | MATCH_DESTINATION_PORT)
                                    .number(FILTER_REPLY_FLAGS, 0))
                    .nest(
                            TUPLE_ORIGINAL,
                            t -> t.nest(
                                    TUPLE_PROTOCOL,
                                    p -> p.small(PROTOCOL_NUMBER, protocol)
                                            .bytes(PROTOCOL_DESTINATION_PORT, portBytes(port))));
            List<Optional<Attributes>> flows =
                    kernel.dump("list flows to port " + port, question, body -> matching(body, protocol, port));
            int forgotten = 0;
            for (Optional<Attributes> flow : flows) {
                if (flow.isPresent() && delete(kernel, family, flow.get())) {
                    forgotten++;
                }
            }
            return forgotten;
        }
    }

    /** A kernel that knew no filters would have sent all. */
    private static Optional<Attributes> matching(ByteBuffer body, int protocol, int port) {
        Attributes flow = Attributes.read(body.position(4));
        Attributes original = flow.nested(TUPLE_ORIGINAL).nested(TUPLE_PROTOCOL);
        ByteBuffer number = original.get(PROTOCOL_NUMBER);
        ByteBuffer destination = original.get(PROTOCOL_DESTINATION_PORT);
        boolean ours = number != null
                && number.get(0) == (byte) protocol
                && destination != null
                && destination.equals(ByteBuffer.wrap(portBytes(port)));
        return ours ? Optional.of(flow) : Optional.empty();
    }

    private static boolean delete(Conversation kernel, NftFamily family, Attributes flow) throws LinuxException {
        NetlinkMessage request = message(DELETE, family);
        for (int part : new int[] {TUPLE_ORIGINAL, ZONE}) {
            byte[] value = flow.bytes(part);
            if (value != null) {
                request.bytes(part == TUPLE_ORIGINAL ? part | NetlinkMessage.NESTED : part, value);
            }
        }
        try {
            kernel.change("forget a flow", request);
            return true;
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT)) {
                return false; // it ended by itself meanwhile
            }
            throw e;
        }
    }

    private static NetlinkMessage message(int command, NftFamily family) {
        return new NetlinkMessage(SUBSYSTEM << 8 | command, 0)
                .u8(family.number())
                .u8(0)
                .u16(0);
    }

    private static byte[] portBytes(int port) {
        return new byte[] {(byte) (port >> 8), (byte) port};
    }
}

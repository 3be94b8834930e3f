package dev.berth.linux.netlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.function.Consumer;

/** One request being written: header, fixed part, attributes. Numbers are in the machine's order unless the name says otherwise. */
final class NetlinkMessage {
    static final int REQUEST = 0x1;
    static final int ACK = 0x4;
    static final int DUMP = 0x300;
    static final int REPLACE = 0x100;
    static final int EXCL = 0x200;
    static final int CREATE = 0x400;
    static final int APPEND = 0x800;

    private static final int HEADER_BYTES = 16;
    static final int NESTED = 0x8000;

    private ByteBuffer bytes = ByteBuffer.allocate(256).order(ByteOrder.nativeOrder());

    /** @param flags added to {@link #REQUEST} */
    NetlinkMessage(int type, int flags) {
        bytes.putInt(0)
                .putShort((short) type)
                .putShort((short) (flags | REQUEST))
                .putInt(0)
                .putInt(0);
    }

    NetlinkMessage u8(int value) {
        room(1).put((byte) value);
        return this;
    }

    NetlinkMessage u16(int value) {
        room(2).putShort((short) value);
        return this;
    }

    NetlinkMessage u32(int value) {
        room(4).putInt(value);
        return this;
    }

    NetlinkMessage bytes(int type, byte[] value) {
        header(type, value.length);
        room(value.length).put(value);
        return pad();
    }

    NetlinkMessage number(int type, int value) {
        header(type, 4);
        return u32(value);
    }

    NetlinkMessage small(int type, int value) {
        header(type, 1);
        return u8(value).pad();
    }

    /** A number in network order, as netfilter wants all of its numbers. */
    NetlinkMessage networkOrder(int type, int value) {
        return number(type, bytes.order() == ByteOrder.BIG_ENDIAN ? value : Integer.reverseBytes(value));
    }

    /** A string with its closing zero. */
    NetlinkMessage text(int type, String value) {
        byte[] ascii = value.getBytes(StandardCharsets.UTF_8);
        return bytes(type, Arrays.copyOf(ascii, ascii.length + 1));
    }

    /** An attribute that holds what the content writes (attributes, or a structure and attributes). */
    NetlinkMessage nest(int type, Consumer<NetlinkMessage> content) {
        int start = bytes.position();
        header(type | NESTED, 0);
        content.accept(this);
        bytes.putShort(start, (short) (bytes.position() - start));
        return this;
    }

    private void header(int type, int length) {
        room(4).putShort((short) (length + 4)).putShort((short) type);
    }

    private NetlinkMessage pad() {
        while (bytes.position() % 4 != 0) {
            room(1).put((byte) 0);
        }
        return this;
    }

    private ByteBuffer room(int wanted) {
        if (bytes.remaining() < wanted) {
            ByteBuffer larger =
                    ByteBuffer.allocate(2 * (bytes.capacity() + wanted)).order(ByteOrder.nativeOrder());
            bytes = larger.put(bytes.flip());
        }
        return bytes;
    }

    /** The finished message. */
    ByteBuffer finish(int sequence, int moreFlags) {
        bytes.putInt(0, bytes.position());
        bytes.putShort(6, (short) (bytes.getShort(6) | moreFlags));
        bytes.putInt(8, sequence);
        return bytes.duplicate().order(ByteOrder.nativeOrder()).flip();
    }

    /** Bytes of the fixed header that every answer begins with. */
    static int headerBytes() {
        return HEADER_BYTES;
    }
}

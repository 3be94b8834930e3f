package dev.berth.ttrpc;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** As much of protobuf's encoding as two small messages need. */
final class Wire {
    static final int VARINT = 0;
    static final int FIXED64 = 1;
    static final int BYTES = 2;
    static final int FIXED32 = 5;

    private Wire() {}

    /** Not a protobuf message. */
    static final class Malformed extends Exception {
        private static final long serialVersionUID = 1L;

        Malformed(String why) {
            super(why);
        }
    }

    /** Writes fields in the order of the calls; values that are protobuf's defaults are left out, as proto3 does. */
    static final class Writer {
        private final ByteArrayOutputStream out;

        Writer(int expectedBytes) {
            out = new ByteArrayOutputStream(expectedBytes);
        }

        Writer number(int field, long value) {
            if (value != 0) {
                varint(((long) field << 3) | VARINT);
                varint(value);
            }
            return this;
        }

        Writer text(int field, String value) {
            return value.isEmpty() ? this : message(field, value.getBytes(StandardCharsets.UTF_8));
        }

        Writer bytes(int field, byte[] value) {
            return value.length == 0 ? this : message(field, value);
        }

        /** A submessage or an element of a repeated field: written even if empty. */
        Writer message(int field, byte[] value) {
            varint(((long) field << 3) | BYTES);
            varint(value.length);
            out.writeBytes(value);
            return this;
        }

        byte[] done() {
            return out.toByteArray();
        }

        private void varint(long value) {
            long rest = value;
            while ((rest & ~0x7fL) != 0) {
                out.write((int) (rest & 0x7f) | 0x80);
                rest >>>= 7;
            }
            out.write((int) rest);
        }
    }

    /** Walks over the fields of a message: {@code while (r.next()) switch (r.field()) ...}; what is not asked for is skipped. */
    static final class Reader {
        private final byte[] in;
        private int at;
        private int field;
        private int type;
        private long number;
        private int start;
        private int length;

        Reader(byte[] in) {
            this.in = in;
        }

        /** Moves to the next field; false at the end. */
        boolean next() throws Malformed {
            if (at == in.length) {
                return false;
            }
            long tag = varint();
            field = (int) (tag >>> 3);
            type = (int) (tag & 7);
            if (tag >>> 32 != 0 || field == 0) {
                throw new Malformed("bad field number");
            }
            switch (type) {
                case VARINT -> number = varint();
                case FIXED64 -> skip(8);
                case FIXED32 -> skip(4);
                case BYTES -> skip(varint());
                default -> throw new Malformed("bad wire type " + type);
            }
            return true;
        }

        int field() {
            return field;
        }

        long number() throws Malformed {
            expect(VARINT);
            return number;
        }

        byte[] bytes() throws Malformed {
            expect(BYTES);
            return java.util.Arrays.copyOfRange(in, start, start + length);
        }

        String text() throws Malformed {
            expect(BYTES);
            return new String(in, start, length, StandardCharsets.UTF_8);
        }

        private void expect(int wanted) throws Malformed {
            if (type != wanted) {
                throw new Malformed("field " + field + " has wire type " + type + ", not " + wanted);
            }
        }

        private void skip(long bytes) throws Malformed {
            if (bytes < 0 || bytes > in.length - at) {
                throw new Malformed("field " + field + " goes beyond the end");
            }
            start = at;
            length = (int) bytes;
            at += length;
        }

        private long varint() throws Malformed {
            long value = 0;
            for (int shift = 0; shift < 64; shift += 7) {
                if (at == in.length) {
                    throw new Malformed("number goes beyond the end");
                }
                byte b = in[at++];
                value |= (long) (b & 0x7f) << shift;
                if (b >= 0) {
                    return value;
                }
            }
            throw new Malformed("number too long");
        }
    }
}

package dev.berth.ttrpc;

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

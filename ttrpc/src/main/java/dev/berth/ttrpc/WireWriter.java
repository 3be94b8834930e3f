package dev.berth.ttrpc;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Writes fields in the order of the calls; values that are protobuf's defaults are left out, as proto3 does. */
final class WireWriter {
    private final ByteArrayOutputStream out;

    WireWriter(int expectedBytes) {
        out = new ByteArrayOutputStream(expectedBytes);
    }

    WireWriter number(int field, long value) {
        if (value != 0) {
            varint(((long) field << 3) | Wire.VARINT);
            varint(value);
        }
        return this;
    }

    WireWriter text(int field, String value) {
        return value.isEmpty() ? this : message(field, value.getBytes(StandardCharsets.UTF_8));
    }

    WireWriter bytes(int field, byte[] value) {
        return value.length == 0 ? this : message(field, value);
    }

    /** A submessage or an element of a repeated field: written even if empty. */
    WireWriter message(int field, byte[] value) {
        varint(((long) field << 3) | Wire.BYTES);
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

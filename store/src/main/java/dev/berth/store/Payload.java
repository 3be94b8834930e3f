package dev.berth.store;

import java.util.Arrays;

/**
 * Bytes that the store keeps but does not read, with the name of their type.
 *
 * @param type as a protobuf {@code Any} has it, or a name of the owner's choice; may be empty
 * @param bytes not copied: whoever gives or gets them must not change them
 */
@SuppressWarnings("ArrayRecordComponent") // equality is by content, below
public record Payload(String type, byte[] bytes) {
    /** No type and no bytes. */
    public static final Payload NONE = new Payload("", new byte[0]);

    /** Bytes whose type is known from where they are kept. */
    public static Payload of(byte[] bytes) {
        return new Payload("", bytes);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Payload(var otherType, var otherBytes)
                && type.equals(otherType)
                && Arrays.equals(bytes, otherBytes);
    }

    @Override
    public int hashCode() {
        return 31 * type.hashCode() + Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
        return "Payload[" + type + ", " + bytes.length + " bytes]";
    }
}

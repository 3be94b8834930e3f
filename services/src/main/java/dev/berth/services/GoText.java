package dev.berth.services;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Text as Go has it: bytes, which an escape may give one by one. */
final class GoText {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    void add(int codePoint) {
        bytes.writeBytes(Character.toString(codePoint).getBytes(StandardCharsets.UTF_8));
    }

    void addByte(int value) {
        bytes.write(value);
    }

    @Override
    public String toString() {
        return bytes.toString(StandardCharsets.UTF_8);
    }
}

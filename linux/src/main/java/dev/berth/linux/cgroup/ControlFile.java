package dev.berth.linux.cgroup;

import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The small files of a cgroup. Plain streams on purpose: a channel would close itself when its thread is interrupted, in
 * the middle of a clean-up. A missing file reads as nothing, since kernels differ in what they offer.
 */
final class ControlFile {
    /** What a number reads as if there is no limit, on either version. */
    static final long UNLIMITED = Long.MAX_VALUE;

    /** Most of these files fit into it. Their size is told as 0, so asking for it first is two calls for nothing. */
    private static final int PAGE = 4096;

    private ControlFile() {}

    /** Writes a value with one write(2), from the calling thread. */
    static void write(Path file, String value) throws IOException {
        try (var out = new FileOutputStream(file.toFile())) {
            out.write(value.getBytes(StandardCharsets.UTF_8));
        } catch (FileNotFoundException e) {
            throw e; // its text names the file and the reason
        } catch (IOException e) {
            throw new IOException("write \"" + value + "\" to " + file + ": " + e.getMessage(), e);
        }
    }

    static void write(Path file, long value) throws IOException {
        write(file, Long.toString(value));
    }

    /** The whole content without white space at its ends; empty if there is no such file, or none any more. */
    static String read(Path file) throws IOException {
        try (var in = new FileInputStream(file.toFile())) {
            byte[] buffer = new byte[PAGE];
            int length = 0;
            for (int n = in.read(buffer); n > 0; n = in.read(buffer, length, buffer.length - length)) {
                length += n;
                if (length == buffer.length) {
                    buffer = Arrays.copyOf(buffer, length * 2);
                }
            }
            return new String(buffer, 0, length, StandardCharsets.UTF_8).strip();
        } catch (IOException e) {
            if (!Files.exists(file)) {
                return "";
            }
            throw e;
        }
    }

    static List<String> lines(Path file) throws IOException {
        String text = read(file);
        return text.isEmpty() ? List.of() : text.lines().toList();
    }

    /** A number, with {@code max} as {@link #UNLIMITED}. */
    static long number(Path file, long ifAbsent) throws IOException {
        return number(read(file), ifAbsent);
    }

    static long number(String text, long ifAbsent) {
        if (text.isEmpty()) {
            return ifAbsent;
        }
        if (text.equals("max")) {
            return UNLIMITED;
        }
        try {
            return Long.parseUnsignedLong(text);
        } catch (NumberFormatException e) {
            return ifAbsent; // a device may answer in words; one counter less is better than none at all
        }
    }

    /** Lines of {@code key value}, in order. */
    static Map<String, Long> table(Path file) throws IOException {
        Map<String, Long> table = new LinkedHashMap<>();
        for (String line : lines(file)) {
            int space = line.indexOf(' ');
            if (space > 0) {
                table.put(
                        line.substring(0, space),
                        number(line.substring(space + 1).strip(), 0));
            }
        }
        return table;
    }
}

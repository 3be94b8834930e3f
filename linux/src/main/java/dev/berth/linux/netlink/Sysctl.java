package dev.berth.linux.netlink;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * Kernel settings below {@code /proc/sys}. Those below {@code net} belong to the network namespace of the calling thread, so
 * the same path means another setting inside {@code Namespaces.enter}.
 */
public final class Sysctl {
    private static final Path ROOT = Path.of("/proc/sys");
    private static final int LONGEST_BYTES = 4096;

    private Sysctl() {}

    /**
     * Writes a setting, unless it has this value already (where /proc/sys is read-only that is all we need).
     *
     * @param name with slashes, because interface names may have dots: {@code net/ipv4/conf/berth0/forwarding}
     * @throws IllegalArgumentException if the name leaves /proc/sys or the value has a line break
     */
    public static void write(String name, String value) throws IOException {
        if (value.indexOf('\n') >= 0) {
            throw new IllegalArgumentException("a value with a line break for sysctl " + name);
        }
        Path file = file(name);
        if (value(file).equals(value)) {
            return;
        }
        Files.writeString(file, value, StandardOpenOption.WRITE);
    }

    /** The value without its line break, empty if there is no such setting. */
    public static Optional<String> read(String name) throws IOException {
        try {
            return Optional.of(value(file(name)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /** In one read: the kernel gives nothing to a second one, and Java's own begins with a single byte. */
    private static String value(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = new byte[LONGEST_BYTES];
            int n = in.read(bytes);
            return new String(bytes, 0, Math.max(0, n), StandardCharsets.UTF_8).strip();
        }
    }

    private static Path file(String name) {
        Path file = ROOT.resolve(name);
        if (name.isEmpty() || name.startsWith("/") || !file.equals(file.normalize())) {
            throw new IllegalArgumentException("not a sysctl: " + name);
        }
        return file;
    }
}

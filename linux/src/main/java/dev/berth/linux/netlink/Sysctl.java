package dev.berth.linux.netlink;

import java.io.IOException;
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
        if (Files.readString(file).strip().equals(value)) {
            return;
        }
        Files.writeString(file, value, StandardOpenOption.WRITE);
    }

    /** The value without its line break, empty if there is no such setting. */
    public static Optional<String> read(String name) throws IOException {
        try {
            return Optional.of(Files.readString(file(name)).strip());
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    private static Path file(String name) {
        Path file = ROOT.resolve(name).normalize();
        if (name.startsWith("/") || !file.startsWith(ROOT) || file.equals(ROOT)) {
            throw new IllegalArgumentException("not a sysctl: " + name);
        }
        return file;
    }
}

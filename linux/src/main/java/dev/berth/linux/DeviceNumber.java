package dev.berth.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Which device a device node stands for, and how the node itself is owned.
 *
 * @param type {@code c} or {@code b}
 * @param mode permission bits
 */
public record DeviceNumber(String type, long major, long minor, int mode, long uid, long gid) {
    private static final int FORMAT = 0170000;
    private static final int CHARACTER = 0020000;
    private static final int BLOCK = 0060000;

    /** Null if the path leads to no device, or to nothing. */
    public static @Nullable DeviceNumber of(Path path) throws IOException {
        Map<String, Object> attributes;
        try {
            attributes = Files.readAttributes(path, "unix:mode,rdev,uid,gid");
        } catch (NoSuchFileException e) {
            return null;
        }
        int mode = number(attributes, "mode").intValue();
        int format = mode & FORMAT;
        if (format != CHARACTER && format != BLOCK) {
            return null;
        }
        long rdev = number(attributes, "rdev").longValue();
        return new DeviceNumber(
                format == BLOCK ? "b" : "c",
                (rdev >>> 8 & 0xfff) | (rdev >>> 32 & 0xfffff000L),
                (rdev & 0xff) | (rdev >>> 12 & 0xffffff00L),
                mode & 0777,
                number(attributes, "uid").longValue(),
                number(attributes, "gid").longValue());
    }

    private static Number number(Map<String, Object> attributes, String name) {
        return (Number) Objects.requireNonNull(attributes.get(name));
    }
}

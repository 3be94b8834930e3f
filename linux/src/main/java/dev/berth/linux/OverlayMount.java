package dev.berth.linux;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an overlay is made of.
 *
 * @param lower read-only directories, the topmost first; at least one, at most {@link #MAX_LOWER}
 * @param upper the writable directory and its scratch directory on the same file system; null for a read-only overlay
 * @param options further options as mount(8) takes them, each {@code name} or {@code name=value}: {@code volatile},
 *     {@code index=off}, {@code userxattr}
 */
public record OverlayMount(List<Path> lower, @Nullable Upper upper, List<String> options) {
    /** The kernel's own limit for the layers of one overlay. */
    public static final int MAX_LOWER = 500;

    /** The writable part: where changes go, and an empty directory that the kernel works in. */
    public record Upper(Path directory, Path work) {}

    public OverlayMount {
        lower = List.copyOf(lower);
        options = List.copyOf(options);
        if (lower.isEmpty() || lower.size() > MAX_LOWER) {
            throw new IllegalArgumentException(
                    "an overlay has 1 to " + MAX_LOWER + " lower directories, not " + lower.size());
        }
        if (lower.size() == 1 && upper == null) {
            throw new IllegalArgumentException("an overlay of one directory is a bind mount");
        }
    }
}

package dev.berth.snapshots;

import java.util.List;

/**
 * What is to be mounted to see a snapshot, in containerd's form, {@code containerd.types.Mount}.
 *
 * @param type {@code bind}, {@code overlay}, or a type of the kernel
 * @param source a path for {@code bind}
 * @param target below the root that is being put together; empty for the root itself
 * @param options as mount(8) takes them
 */
public record MountPoint(String type, String source, String target, List<String> options) {
    public MountPoint {
        options = List.copyOf(options);
    }
}

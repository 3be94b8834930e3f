package dev.berth.cri;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The node's name of the moment: many a node gets its own only when the daemon runs already.
 *
 * @param file where the kernel tells it
 */
record NodeName(Path file) {
    /** What a kernel says that was not given one. */
    private static final String NONE = "(none)";

    static NodeName ofKernel() {
        return new NodeName(Path.of("/proc/sys/kernel/hostname"));
    }

    String now() {
        try {
            String name = Files.readString(file).strip();
            return name.isEmpty() || name.equals(NONE) ? "localhost" : name;
        } catch (IOException e) {
            throw Fault.internal("read the name of the node", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }
}

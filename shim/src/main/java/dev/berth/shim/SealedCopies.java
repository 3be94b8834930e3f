package dev.berth.shim;

import dev.berth.linux.Fd;
import dev.berth.linux.Memfd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Programs of runtimes, copied into memory and sealed, so that no container can change them. Thread-safe. */
final class SealedCopies implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SealedCopies.class);

    private record Copy(FileTime of, long bytes, Fd memory) {}

    private final boolean enabled;
    private final Map<Path, Copy> copies = new HashMap<>();

    SealedCopies(boolean enabled) {
        this.enabled = enabled;
    }

    /** The file to run in place of a program: a copy of it as it is now, or itself if there cannot be one. */
    synchronized Path of(Path program) {
        if (!enabled) {
            return program;
        }
        try {
            FileTime time = Files.getLastModifiedTime(program);
            long bytes = Files.size(program);
            Copy copy = copies.get(program);
            if (copy == null || !copy.of().equals(time) || copy.bytes() != bytes) {
                copy = new Copy(time, bytes, Memfd.sealedCopy(program));
                copies.put(program, copy); // who runs the old one has it open still
            }
            return copy.memory().procPath();
        } catch (IOException e) {
            LOG.warn("{} cannot be copied into memory", program, e);
            return program;
        }
    }

    @Override
    public synchronized void close() {
        copies.values().forEach(copy -> copy.memory().close());
        copies.clear();
    }
}

package dev.berth.store;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A little room on the disk that is kept for the next start. SQLite maps a file into memory when it opens the database; where the disk
 * has no block for it, the first touch ends the process.
 */
final class Reserve {
    private static final Logger LOG = LoggerFactory.getLogger(Reserve.class);
    private static final int BYTES = 512 << 10;

    private final Path file;

    Reserve(Path file) {
        this.file = file;
    }

    /**
     * Gives the room away if there is too little else. To be called before the database is opened.
     *
     * @throws Fault RESOURCE_EXHAUSTED if there is too little all the same
     */
    void spend() throws IOException {
        if (isLow()) {
            Files.deleteIfExists(file);
            if (isLow()) {
                throw Fault.exhausted(
                        "open the metadata database",
                        "the disk is full",
                        "Make room on the file system of Berth's root and start again");
            }
        }
    }

    private boolean isLow() throws IOException {
        return Files.getFileStore(file.getParent()).getUsableSpace() < BYTES / 2;
    }

    /** Keeps the room for the next time, if there is any. */
    void keep() {
        try {
            if (!Files.exists(file) || Files.size(file) < BYTES) {
                Files.write(file, new byte[BYTES]);
            }
        } catch (IOException e) {
            LOG.warn("no room can be kept for the next start: {}", e.getMessage());
        }
    }
}

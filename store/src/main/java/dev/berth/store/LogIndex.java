package dev.berth.store;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The index of the database's log: a file that SQLite maps into memory. Where the disk has no block for a page of it, the first touch
 * ends the process (SIGBUS). SQLite itself only writes a byte for each 4 KiB, which leaves holes on a file system with smaller blocks;
 * so all its room is taken in advance.
 *
 * <p>The file stays open as long as the database: SQLite locks it, and the first descriptor that a process closes gives up all
 * its locks of a file.
 */
final class LogIndex implements AutoCloseable {
    /** 32 KiB tell of 16 MiB of log; it is folded in long before it has four times as many. */
    private static final int BYTES = 128 << 10;

    private final FileChannel file;

    private LogIndex(FileChannel file) {
        this.file = file;
    }

    /**
     * Takes the room. To be called while nobody uses the one connection that is open.
     *
     * @throws Fault RESOURCE_EXHAUSTED if the disk has none
     */
    static LogIndex reserve(Path path) {
        try {
            FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
            var index = new LogIndex(file);
            try {
                index.fill();
                return index;
            } catch (IOException e) {
                index.close();
                throw e;
            }
        } catch (IOException e) {
            throw Fault.exhausted(
                            "open the metadata database",
                            "there is no room for the index of its log: " + e.getMessage(),
                            "Make room on the file system of Berth's root and start again")
                    .causedBy(e);
        }
    }

    /** What is there is written once more, byte for byte: that fills the holes. */
    private void fill() throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate((int) Math.max(BYTES, file.size()));
        while (bytes.hasRemaining() && file.read(bytes, bytes.position()) > 0) {
            // what is beyond the end stays zero
        }
        bytes.clear();
        while (bytes.hasRemaining()) {
            file.write(bytes, bytes.position());
        }
    }

    @Override
    public void close() {
        try {
            file.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

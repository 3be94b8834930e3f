package dev.berth.daemon;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** One daemon for a state directory. The kernel frees the lock when its holder dies, however it dies. */
final class StateLock implements AutoCloseable {
    private final FileChannel file;

    private StateLock(FileChannel file) {
        this.file = file;
    }

    /** @throws Fault FAILED_PRECONDITION if another process holds it */
    static StateLock take(Path state) throws IOException {
        Path path = state.resolve("daemon.lock");
        FileChannel file =
                FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        FileLock lock = file.tryLock();
        if (lock == null) {
            file.close();
            throw Fault.precondition(
                    "use the state directory " + state,
                    "process " + Files.readString(path).strip() + " uses it",
                    "Stop that daemon, or give this one another `state`, `root` and `socket`");
        }
        file.truncate(0);
        file.write(ByteBuffer.wrap((ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.UTF_8)), 0);
        return new StateLock(file);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}

package dev.berth.store;

import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.EnumSet;
import org.jspecify.annotations.Nullable;

/**
 * One process owns a root. The kernel frees the lock when that process ends, however it ends; children do not inherit it.
 * Nothing else in this process may open and close the file, or the lock would be gone: that is how POSIX has it.
 */
final class RootLock implements AutoCloseable {
    private static final int SHOWN = 20;

    private final FileChannel file;

    private RootLock(FileChannel file) {
        this.file = file;
    }

    /** @throws Fault FAILED_PRECONDITION if another process, or another part of this one, has it */
    static RootLock take(Path path) throws IOException {
        FileChannel file = FileChannel.open(
                path,
                EnumSet.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                Layout.PRIVATE_FILE);
        try {
            FileLock lock = tryLock(file);
            if (lock == null) {
                throw owned(path, file);
            }
            byte[] pid = (Files.readSymbolicLink(Path.of("/proc/self")) + "\n").getBytes(StandardCharsets.US_ASCII);
            file.truncate(0);
            file.write(ByteBuffer.wrap(pid), 0);
            return new RootLock(file);
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    @Override
    public void close() {
        try {
            file.close();
        } catch (IOException e) {
            throw DiskFault.of("free the lock of the root", e);
        }
    }

    private static @Nullable FileLock tryLock(FileChannel file) throws IOException {
        try {
            return file.tryLock();
        } catch (OverlappingFileLockException e) {
            return null; // this process has it
        }
    }

    private static Fault owned(Path path, FileChannel file) throws IOException {
        ByteBuffer pid = ByteBuffer.allocate(SHOWN);
        file.read(pid, 0);
        String owner = new String(pid.array(), 0, pid.position(), StandardCharsets.US_ASCII).strip();
        return Fault.precondition(
                "open the store in " + path.getParent(),
                "another berth uses it" + (owner.isEmpty() ? "" : " (pid " + owner + ")"),
                "Stop that one, or give this one a root of its own");
    }
}

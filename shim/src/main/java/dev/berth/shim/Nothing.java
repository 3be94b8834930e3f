package dev.berth.shim;

import dev.berth.linux.DetachedMount;
import dev.berth.linux.Dir;
import dev.berth.linux.Fd;
import dev.berth.linux.FileType;
import dev.berth.linux.Mounts;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;

/**
 * A /dev/null of our own, for the streams that a container does not have. crun gives its streams to the container's user,
 * who must not become the owner of the node's: he could take it away from everybody.
 */
final class Nothing implements AutoCloseable {
    private static final String NAME = "null";
    private static final int MODE = 0666;
    private static final long NUMBER = 1L << 32 | 3;

    private final DetachedMount memory;

    private Nothing(DetachedMount memory) {
        this.memory = memory;
    }

    static Nothing make() throws IOException {
        DetachedMount memory = Mounts.tmpfs(Map.of("mode", "0700", "size", "4096"), Set.of());
        try (Dir root = Dir.open(memory.fd())) {
            byte[] name = NAME.getBytes(StandardCharsets.US_ASCII);
            root.mknod(name, FileType.CHARACTER_DEVICE, MODE, NUMBER);
            root.chmod(name, MODE); // whatever our umask
            return new Nothing(memory);
        } catch (IOException e) {
            memory.close();
            throw e;
        }
    }

    Fd open() throws IOException {
        return Fd.open(memory.fd().procPath().resolve(NAME), Fd.O_RDWR);
    }

    @Override
    public void close() {
        memory.close();
    }
}

package dev.berth.cri.checkpoint;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files in a directory that strangers may have written, and may still be writing: opened once, and only then looked at. */
final class PlainFile {
    private PlainFile() {}

    /**
     * Opens a file for reading.
     *
     * @param what for messages
     * @throws Fault NOT_FOUND if there is none of that name, or a link, a FIFO or anything else in its place
     */
    static InputStream open(String what, Path path) throws IOException {
        // A FIFO that nobody writes to would have the caller wait.
        try (Fd file = Fd.open(path, Fd.O_RDONLY | Fd.O_NOFOLLOW | Fd.O_NONBLOCK)) {
            if (!Files.isRegularFile(file.procPath())) {
                throw missing(what, path);
            }
            return Files.newInputStream(file.procPath());
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT) || e.is(Errno.ELOOP) || e.is(Errno.ENXIO) || e.is(Errno.ENOTDIR)) {
                throw missing(what, path).causedBy(e);
            }
            throw e;
        }
    }

    /** All of a short text; one byte more than it may have if it has more. */
    static byte[] text(String what, Path path, int most) throws IOException {
        try (InputStream in = open(what, path)) {
            return in.readNBytes(most + 1);
        }
    }

    private static Fault missing(String what, Path path) {
        return Fault.notFound(what, "there is no such file " + path.getFileName() + " in it", "");
    }
}

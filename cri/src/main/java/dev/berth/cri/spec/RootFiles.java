package dev.berth.cri.spec;

import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.FileType;
import dev.berth.linux.LinuxException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.jspecify.annotations.Nullable;

/** Files below a directory handle, which every link inside stays in. */
record RootFiles(Dir root) implements ImageFiles {
    @Override
    public byte @Nullable [] read(String path, int most) {
        try {
            return content(path, most);
        } catch (LinuxException e) {
            if (e.is(Errno.ENOENT) || e.is(Errno.ENOTDIR)) {
                return null;
            }
            throw unreadable(path, e);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    /** What it is is asked before it is opened: opening a device or a FIFO does things. */
    private byte[] content(String path, int most) throws IOException {
        byte[] relative = path.substring(1).getBytes(StandardCharsets.UTF_8);
        try (Fd handle = root.openFile(relative, Fd.O_PATH, Dir.Resolve.IN_ROOT)) {
            Object mode = Files.getAttribute(handle.procPath(), "unix:mode");
            if (!(mode instanceof Integer bits) || FileType.ofMode(bits) != FileType.REGULAR) {
                throw refused(path, "it is no regular file");
            }
            try (InputStream file = Files.newInputStream(handle.procPath())) {
                byte[] content = file.readNBytes(most + 1);
                if (content.length > most) {
                    throw refused(path, "it is larger than " + most + " bytes");
                }
                return content;
            }
        }
    }

    private static Fault unreadable(String path, IOException e) {
        return refused(path, "it cannot be read: " + Shown.of(String.valueOf(e.getMessage())))
                .causedBy(e);
    }

    private static Fault refused(String path, String why) {
        return Fault.invalid(path + " of the image", why, "Mend the image");
    }
}

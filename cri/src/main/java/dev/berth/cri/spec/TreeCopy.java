package dev.berth.cri.spec;

import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.FileStat;
import dev.berth.linux.LinuxException;
import dev.berth.linux.RegularFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Copies a directory of an image: files, directories, links as they are, FIFOs; owners, modes, times and attributes. Devices
 * and sockets stay behind.
 */
final class TreeCopy {
    /** Each level holds two descriptors. */
    private static final int DEEPEST = 256;

    private final String what;
    private int depth;

    TreeCopy(String what) {
        this.what = what;
    }

    void copy(Dir from, Dir to) throws IOException {
        if (++depth > DEEPEST) {
            throw Fault.invalid(
                    "volume \"" + Shown.of(what) + "\" of the image",
                    "it is deeper than " + DEEPEST + " directories",
                    "Make an image whose volume is less deep");
        }
        for (Dir.Entry entry : from.entries()) {
            entry(from, to, entry.name());
        }
        FileStat stat = from.stat();
        for (byte[] attribute : from.xattrs()) {
            if (isPortable(attribute)) {
                byte[] value = from.xattr(attribute);
                if (value != null) {
                    to.setXattr(attribute, value);
                }
            }
        }
        to.chown(stat.uid(), stat.gid());
        to.chmod(stat.permissions());
        to.setTimes(stat.accessed(), stat.modified());
        depth--;
    }

    private void entry(Dir from, Dir to, byte[] name) throws IOException {
        FileStat stat = from.stat(name);
        switch (stat.type()) {
            case DIRECTORY -> {
                to.mkdir(name, 0700);
                try (Dir inner = from.openDir(name, Dir.Resolve.NO_LINKS);
                        Dir made = to.openDir(name, Dir.Resolve.NO_LINKS)) {
                    copy(inner, made);
                }
            }
            case REGULAR -> {
                try (RegularFile source = from.read(name);
                        RegularFile made = to.create(name, 0600)) {
                    made.copyOf(source);
                }
                finish(from, to, name, stat);
                to.chmod(name, stat.permissions());
                to.setTimes(name, stat.accessed(), stat.modified());
            }
            case SYMLINK -> {
                to.symlink(from.readlink(name), name);
                finish(from, to, name, stat);
            }
            case FIFO -> {
                to.mknod(name, stat.type(), stat.permissions(), 0);
                finish(from, to, name, stat);
            }
            case CHARACTER_DEVICE, BLOCK_DEVICE, SOCKET, UNKNOWN -> {} // of no use in a volume
        }
    }

    /** Owner first: it takes set-user-ID and file capabilities away. */
    private static void finish(Dir from, Dir to, byte[] name, FileStat stat) throws LinuxException {
        to.chown(name, stat.uid(), stat.gid());
        for (byte[] attribute : attributes(from, name)) {
            byte[] value = from.xattr(name, attribute);
            if (value != null && isPortable(attribute)) {
                to.setXattr(name, attribute, value);
            }
        }
    }

    private static List<byte[]> attributes(Dir from, byte[] name) throws LinuxException {
        try {
            return from.xattrs(name);
        } catch (LinuxException e) {
            if (e.is(Errno.EOPNOTSUPP)) {
                return List.of();
            }
            throw e;
        }
    }

    /** Not what overlay or a security module keeps for itself. */
    private static boolean isPortable(byte[] attribute) {
        String name = new String(attribute, StandardCharsets.UTF_8);
        return name.startsWith("user.") || name.equals("security.capability") || name.startsWith("system.posix_acl_");
    }
}

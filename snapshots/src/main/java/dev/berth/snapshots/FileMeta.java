package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.FileStat;
import dev.berth.linux.LinuxException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What a directory has besides its entries. It is set when a layer is complete: entries change times and inherit owners. */
record FileMeta(int permissions, long uid, long gid, Instant accessed, Instant modified, List<TarEntry.Xattr> xattrs) {
    private static final byte[] TRUSTED = "trusted.".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] USER = "user.".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] SECURITY = "security.".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] CAPABILITY = "security.capability".getBytes(StandardCharsets.US_ASCII);

    /** For a directory that nobody described. The time is fixed, so that the same layer always gives the same tree. */
    static final FileMeta PLAIN = new FileMeta(0755, 0, 0, Instant.EPOCH, Instant.EPOCH, List.of());

    static FileMeta of(TarEntry entry) {
        return new FileMeta(
                entry.permissions(),
                entry.uid(),
                entry.gid(),
                entry.accessed(),
                entry.modified(),
                settable(entry.xattrs()));
    }

    /** What a directory has now. */
    static FileMeta of(Dir dir) throws LinuxException {
        FileStat stat = dir.stat();
        List<TarEntry.Xattr> xattrs = new ArrayList<>();
        for (byte[] name : dir.xattrs()) {
            byte[] value = isOurs(name) ? dir.xattr(name) : null;
            if (value != null) {
                xattrs.add(new TarEntry.Xattr(name, value));
            }
        }
        return new FileMeta(stat.permissions(), stat.uid(), stat.gid(), stat.accessed(), stat.modified(), xattrs);
    }

    /**
     * The attributes that a layer may set. Those in {@code trusted.} belong to the host: overlay's own among them would let a
     * layer show files of another one.
     */
    static List<TarEntry.Xattr> settable(List<TarEntry.Xattr> xattrs) {
        return xattrs.isEmpty()
                ? xattrs
                : xattrs.stream().filter(xattr -> isOurs(xattr.name())).toList();
    }

    /** Labels of a security module belong to the host too. */
    static boolean isOurs(byte[] name) {
        return !startsWith(name, TRUSTED) && (!startsWith(name, SECURITY) || Arrays.equals(name, CAPABILITY));
    }

    private static boolean startsWith(byte[] name, byte[] prefix) {
        return name.length >= prefix.length && Arrays.equals(name, 0, prefix.length, prefix, 0, prefix.length);
    }

    /** Sets it all, the times last. What the directory has of other attributes goes, but for the overlay's own. */
    void apply(Dir dir) throws LinuxException {
        dir.chown(uid, gid);
        dir.chmod(permissions);
        for (byte[] name : dir.xattrs()) {
            if (isOurs(name) && xattrs.stream().noneMatch(xattr -> Arrays.equals(xattr.name(), name))) {
                dir.removeXattr(name);
            }
        }
        for (TarEntry.Xattr xattr : xattrs) {
            try {
                dir.setXattr(xattr.name(), xattr.value());
            } catch (LinuxException e) {
                goWithout(xattr, e);
            }
        }
        dir.setTimes(accessed, modified);
    }

    /**
     * Decides about an attribute that could not be set. Not every file system has every kind, and no link, pipe or device has those
     * in {@code user.}: containers do without them.
     */
    static void goWithout(TarEntry.Xattr xattr, LinuxException e) throws LinuxException {
        boolean notOfThisKind = e.is(Errno.EPERM) && startsWith(xattr.name(), USER);
        if (e.is(Errno.EOPNOTSUPP) || notOfThisKind) {
            return;
        }
        switch (e.errno()) {
            case Errno.ENOSPC, Errno.EDQUOT, Errno.E2BIG, Errno.ERANGE -> throw LayerFault.ofAttribute(xattr, e);
            default -> throw e;
        }
    }
}

package dev.berth.snapshots;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an archive says about one file.
 *
 * @param name as written, any bytes
 * @param link target of a hard or symbolic link, otherwise empty
 * @param permissions the lower twelve bits of the mode
 * @param storedSize bytes of data that follow in the archive
 * @param size the file's length; more than what is stored if it is sparse
 * @param pieces where the stored data goes, in order, if the file is sparse; null if it goes to the start in one piece
 * @param rdev of a device, {@code major << 32 | minor}
 */
@SuppressWarnings("ArrayRecordComponent") // entries are never compared
public record TarEntry(
        byte[] name,
        byte[] link,
        Kind kind,
        int permissions,
        long uid,
        long gid,
        long storedSize,
        long size,
        @Nullable List<Piece> pieces,
        long rdev,
        Instant modified,
        Instant accessed,
        List<Xattr> xattrs) {

    /** What sort of file. */
    public enum Kind {
        REGULAR,
        HARD_LINK,
        SYMLINK,
        CHARACTER_DEVICE,
        BLOCK_DEVICE,
        DIRECTORY,
        FIFO
    }

    /** A range of a sparse file that has data. */
    public record Piece(long offset, long length) {}

    /** An extended attribute, name and value as bytes. */
    @SuppressWarnings("ArrayRecordComponent")
    public record Xattr(byte[] name, byte[] value) {}

    /** What is made here and of nobody: it belongs to root, since the beginning of time, and so is always the same. */
    public static TarEntry of(String name, Kind kind, String link, int permissions, long size) {
        return new TarEntry(
                name.getBytes(StandardCharsets.UTF_8),
                link.getBytes(StandardCharsets.UTF_8),
                kind,
                permissions,
                0,
                0,
                size,
                size,
                null,
                0,
                Instant.EPOCH,
                Instant.EPOCH,
                List.of());
    }
}

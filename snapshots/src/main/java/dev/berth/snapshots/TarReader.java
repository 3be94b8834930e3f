package dev.berth.snapshots;

import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads an archive entry by entry: ustar, GNU (long names, sparse files, binary numbers), PAX. Names and attributes are
 * bytes. Global extended headers are read over, as every container runtime does.
 *
 * <p>What follows an entry's header is taken with {@link #read} before the next {@link #next}; what is not taken is skipped.
 */
public final class TarReader {
    /** The largest file that any file system in use can hold. */
    private static final long MAX_SIZE = 1L << 50;
    /** For a long name or an extended header, as Go has it: nothing that containerd can't read is worth more. */
    private static final int MAX_SPECIAL = 1 << 20;

    private static final byte[] CONTENTS_TABLE = "stargz.index.json".getBytes(StandardCharsets.US_ASCII);
    private static final long MAX_ID = (1L << 32) - 2;

    private final TarInput in;
    private final byte[] block = new byte[TarInput.BLOCK];
    private final TarHeader header = new TarHeader(block);
    private SparseMap.Budget data = new SparseMap.Budget(0);
    private long padding;

    private byte @Nullable [] longName;
    private byte @Nullable [] longLink;
    private PaxRecords records = PaxRecords.NONE;

    /** @param in stays the caller's */
    public TarReader(InputStream in) {
        this.in = new TarInput(in);
    }

    /**
     * The next file, or null at the end. Then the stream has been read to its end.
     *
     * @throws dev.berth.kernel.Fault INVALID_ARGUMENT, RESOURCE_EXHAUSTED
     */
    public @Nullable TarEntry next() {
        longName = null;
        longLink = null;
        records = PaxRecords.NONE;
        while (true) {
            in.skip(data.left());
            boolean padded = in.skipUnlessAtEnd(padding); // some writers leave the last padding out, with the end mark
            startData(0);
            if (!padded ? !wholeSoFar() : !nextHeader()) {
                return null;
            }
            byte type = header.type();
            switch (type) {
                case 'x', 'X' -> records = PaxRecords.parse(special());
                case 'L' -> longName = untilZero(special());
                case 'K' -> longLink = untilZero(special());
                case 'g', 'V' -> startData(size(header.size()));
                default -> {
                    return entry(type);
                }
            }
        }
    }

    /** Takes data of the current entry: at least one byte, at most as much as fits and as is allowed. */
    public void read(ByteBuffer target, long most) {
        int before = target.position();
        in.some(target, Math.min(most, data.left()));
        data.take(target.position() - before);
    }

    /** Gives up on the rest, and reads the stream to its end. */
    void drain() {
        in.drain();
    }

    private boolean nextHeader() {
        if (!in.block(block)) {
            return wholeSoFar(); // no end mark; many writers leave it out
        }
        if (!header.isZero()) {
            header.verifyChecksum();
            return true;
        }
        if (in.block(block) && !header.isZero()) {
            throw LayerFault.malformed("an empty block is followed by one that is not");
        }
        endsHere();
        return wholeSoFar();
    }

    /**
     * Nothing follows the end mark, except what pullers that read only parts of a layer have put there: no file for anybody, and
     * nobody else reads it.
     *
     * @see <a href="https://github.com/containerd/stargz-snapshotter/blob/main/docs/estargz.md">eStargz</a>
     */
    private void endsHere() {
        long zeroes = in.zeroes();
        boolean aligned = zeroes >= 0 && zeroes % TarInput.BLOCK == 0;
        if (aligned && in.partOfBlock(block) == TarInput.BLOCK && isContentsTable()) {
            header.verifyChecksum();
            long size = size(header.size());
            in.skip(size + (-size & (TarInput.BLOCK - 1)));
            zeroes = in.zeroes();
        }
        if (zeroes >= 0) {
            throw LayerFault.malformed("something follows after the end of the archive");
        }
    }

    private boolean isContentsTable() {
        return header.type() == '0' && Arrays.equals(header.name(), CONTENTS_TABLE);
    }

    private boolean wholeSoFar() {
        if (longName != null || longLink != null || records != PaxRecords.NONE) {
            throw TarInput.cutOff();
        }
        return false;
    }

    private void startData(long stored) {
        data = new SparseMap.Budget(stored);
        padding = -stored & (TarInput.BLOCK - 1);
    }

    private static long size(long size) {
        if (size < 0 || size > MAX_SIZE) {
            throw LayerFault.tooMuch("an entry says that it has " + Long.toUnsignedString(size) + " bytes");
        }
        return size;
    }

    private byte[] special() {
        long size = size(header.size());
        if (size > MAX_SPECIAL) {
            throw LayerFault.tooMuch("an extended header has " + size + " bytes");
        }
        byte[] bytes = new byte[(int) size];
        in.full(bytes);
        in.skip(-size & (TarInput.BLOCK - 1));
        return bytes;
    }

    private static byte[] untilZero(byte[] bytes) {
        int end = 0;
        while (end < bytes.length && bytes[end] != 0) {
            end++;
        }
        return Arrays.copyOf(bytes, end);
    }

    private TarEntry entry(byte type) {
        byte[] name = withoutZero(name());
        byte[] link = withoutZero(link());
        TarEntry.Kind kind = kind(type, name);
        boolean regular = kind == TarEntry.Kind.REGULAR;
        // Other kinds have no data, whatever their size says; a link may state the size of its target.
        startData(regular || isOldDirectory(type, kind) ? size(records.number("size", header.size())) : 0);
        long length = data.left();
        List<TarEntry.Piece> pieces = null;
        if (regular && isSparse(type)) {
            length = sparseLength(type);
            pieces = sparseMap(type).checked(length, data.left());
        }
        Instant modified = records.time("mtime");
        Instant accessed = records.time("atime");
        if (modified == null) {
            modified = PaxRecords.instant(header.modified(), 0);
        }
        boolean device = kind == TarEntry.Kind.CHARACTER_DEVICE || kind == TarEntry.Kind.BLOCK_DEVICE;
        return new TarEntry(
                name,
                kind == TarEntry.Kind.HARD_LINK || kind == TarEntry.Kind.SYMLINK ? link : new byte[0],
                kind,
                header.permissions(),
                id(name, records.number("uid", header.uid())),
                id(name, records.number("gid", header.gid())),
                data.left(),
                length,
                pieces,
                device ? header.rdev() : 0,
                modified,
                accessed == null ? modified : accessed,
                records.xattrs());
    }

    /** Before ustar a directory was a file whose name ends with a slash. It may have data, which nobody wants. */
    private static boolean isOldDirectory(byte type, TarEntry.Kind kind) {
        return kind == TarEntry.Kind.DIRECTORY && type != '5';
    }

    private byte[] name() {
        byte[] name = longName;
        if (name == null) {
            name = records.value("GNU.sparse.name");
        }
        if (name == null) {
            name = records.value("path");
        }
        return name == null ? header.name() : name;
    }

    private byte[] link() {
        byte[] link = longLink;
        if (link == null) {
            link = records.value("linkpath");
        }
        return link == null ? header.link() : link;
    }

    private static byte[] withoutZero(byte[] name) {
        for (byte b : name) {
            if (b == 0) {
                throw LayerFault.refused(name, "has a zero byte in its name");
            }
        }
        return name;
    }

    private static long id(byte[] name, long id) {
        if (id < 0 || id > MAX_ID) {
            throw LayerFault.refused(name, "has the impossible owner or group " + id);
        }
        return id;
    }

    private static TarEntry.Kind kind(byte type, byte[] name) {
        return switch (type) {
            case 0 -> name.length > 0 && name[name.length - 1] == '/' ? TarEntry.Kind.DIRECTORY : TarEntry.Kind.REGULAR;
            case '0', '7', 'S' -> TarEntry.Kind.REGULAR; // with a slash too, as scanners and other runtimes have it
            case '1' -> TarEntry.Kind.HARD_LINK;
            case '2' -> TarEntry.Kind.SYMLINK;
            case '3' -> TarEntry.Kind.CHARACTER_DEVICE;
            case '4' -> TarEntry.Kind.BLOCK_DEVICE;
            case '5' -> TarEntry.Kind.DIRECTORY;
            case '6' -> TarEntry.Kind.FIFO;
            default -> throw LayerFault.refused(name, "is of the unknown type " + Byte.toUnsignedInt(type));
        };
    }

    private boolean isSparse(byte type) {
        return type == 'S'
                || records.value("GNU.sparse.major") != null
                || records.value("GNU.sparse.map") != null
                || records.value("GNU.sparse.size") != null;
    }

    private long sparseLength(byte type) {
        if (type == 'S') {
            return size(header.number(483, 12));
        }
        long length = records.number("GNU.sparse.realsize", records.number("GNU.sparse.size", -1));
        return size(length);
    }

    private SparseMap sparseMap(byte type) {
        if (type == 'S') {
            return SparseMap.ofHeader(header, in);
        }
        if (records.value("GNU.sparse.major") != null) {
            if (records.number("GNU.sparse.major", 0) != 1 || records.number("GNU.sparse.minor", 0) != 0) {
                throw LayerFault.malformed("a sparse file is in a form that is not known");
            }
            return SparseMap.ofData(in, data);
        }
        String list = records.text("GNU.sparse.map");
        return list == null ? SparseMap.ofPairs(records) : SparseMap.ofList(list);
    }
}

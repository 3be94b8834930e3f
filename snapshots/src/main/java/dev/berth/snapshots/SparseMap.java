package dev.berth.snapshots;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the data of a sparse file belongs, in the four forms that GNU tar has had.
 *
 * @see <a href="https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html">GNU tar, Sparse Formats</a>
 */
final class SparseMap {
    /** Files are sparse in thousands of places at most; a map of a million pieces only takes memory. */
    private static final int MAX_PIECES = 1 << 20;
    /** Room for that many pieces in the text form. */
    private static final int MAX_TEXT = 16 << 20;

    private final List<TarEntry.Piece> pieces = new ArrayList<>();

    /** The form in the header itself (type {@code S}): four pieces there, 21 in each block that follows. */
    static SparseMap ofHeader(TarHeader header, TarInput in) {
        SparseMap map = new SparseMap();
        map.addAll(header, 386, 4);
        byte[] block = new byte[TarInput.BLOCK];
        boolean more = header.text(482, 1).length > 0;
        while (more) {
            if (!in.block(block)) {
                throw TarInput.cutOff();
            }
            TarHeader next = new TarHeader(block);
            map.addAll(next, 0, 21);
            more = next.text(504, 1).length > 0;
        }
        return map;
    }

    private void addAll(TarHeader header, int at, int count) {
        for (int i = 0; i < count; i++) {
            int place = at + i * 24;
            if (header.text(place, 1).length == 0 && header.text(place + 12, 1).length == 0) {
                return;
            }
            add(header.number(place, 12), header.number(place + 12, 12));
        }
    }

    /** Form 0.0: a pair of records for each piece. */
    static SparseMap ofPairs(PaxRecords records) {
        SparseMap map = new SparseMap();
        long offset = -1;
        for (PaxRecords.Entry entry : records.entries()) {
            if (entry.key().equals("GNU.sparse.offset")) {
                offset = number(entry.value());
            } else if (entry.key().equals("GNU.sparse.numbytes")) {
                map.add(offset, number(entry.value()));
                offset = -1;
            }
        }
        return map;
    }

    /** Form 0.1: one record with all numbers. */
    static SparseMap ofList(String list) {
        SparseMap map = new SparseMap();
        if (!list.isEmpty()) {
            String[] numbers = list.split(",", -1);
            if (numbers.length % 2 != 0) {
                throw malformed();
            }
            for (int i = 0; i < numbers.length; i += 2) {
                map.add(PaxRecords.number(numbers[i]), PaxRecords.number(numbers[i + 1]));
            }
        }
        return map;
    }

    /** Form 1.0: lines before the data, filled up to a block. */
    static SparseMap ofData(TarInput in, Budget stored) {
        SparseMap map = new SparseMap();
        Lines lines = new Lines(in, stored);
        long count = lines.next();
        if (count < 0 || count > MAX_PIECES) {
            throw LayerFault.tooMuch("a sparse file has " + count + " pieces");
        }
        for (long i = 0; i < count; i++) {
            map.add(lines.next(), lines.next());
        }
        return map;
    }

    /** How many bytes of an entry's data are left. */
    static final class Budget {
        private long left;

        Budget(long left) {
            this.left = left;
        }

        void take(long bytes) {
            left -= bytes;
            if (left < 0) {
                throw malformed();
            }
        }

        long left() {
            return left;
        }
    }

    private static final class Lines {
        private final TarInput in;
        private final Budget stored;
        private final byte[] block = new byte[TarInput.BLOCK];
        private int at = TarInput.BLOCK;
        private int read;

        Lines(TarInput in, Budget stored) {
            this.in = in;
            this.stored = stored;
        }

        long next() {
            var digits = new ByteArrayOutputStream(20);
            for (byte b = nextByte(); b != '\n'; b = nextByte()) {
                digits.write(b);
                if (digits.size() > 19) {
                    throw malformed();
                }
            }
            return number(digits.toByteArray());
        }

        private byte nextByte() {
            if (at == TarInput.BLOCK) {
                stored.take(TarInput.BLOCK);
                read += TarInput.BLOCK;
                if (read > MAX_TEXT) {
                    throw LayerFault.tooMuch("the map of a sparse file is larger than " + MAX_TEXT + " bytes");
                }
                in.full(block);
                at = 0;
            }
            byte b = block[at];
            at++;
            return b;
        }
    }

    private static long number(byte[] digits) {
        return PaxRecords.number(new String(digits, StandardCharsets.ISO_8859_1));
    }

    private void add(long offset, long length) {
        if (pieces.size() >= MAX_PIECES) {
            throw LayerFault.tooMuch("a sparse file has more than " + MAX_PIECES + " pieces");
        }
        if (offset < 0 || length < 0) {
            throw malformed();
        }
        pieces.add(new TarEntry.Piece(offset, length));
    }

    /** The pieces, if they are in order, do not overlap, are within the file and hold just what is stored. */
    List<TarEntry.Piece> checked(long size, long stored) {
        long end = 0;
        long sum = 0;
        for (TarEntry.Piece piece : pieces) {
            if (piece.offset() < end || piece.length() > size - piece.offset()) {
                throw malformed();
            }
            end = piece.offset() + piece.length();
            sum += piece.length();
        }
        if (sum != stored) {
            throw malformed();
        }
        return List.copyOf(pieces);
    }

    private static dev.berth.kernel.Fault malformed() {
        return LayerFault.malformed("the map of a sparse file is malformed");
    }
}

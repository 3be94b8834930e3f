package dev.berth.snapshots;

import static dev.berth.snapshots.TarBytes.b;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TarReaderTest {
    private static List<TarEntry> read(byte[] archive) {
        TarReader reader = new TarReader(new ByteArrayInputStream(archive));
        List<TarEntry> entries = new ArrayList<>();
        for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
            entries.add(entry);
        }
        return entries;
    }

    private static TarEntry one(TarBytes archive) {
        List<TarEntry> entries = read(archive.bytes());
        assertThat(entries).hasSize(1);
        return entries.getFirst();
    }

    private static void assertRefused(byte[] archive, String why) {
        assertThatThrownBy(() -> read(archive)).isInstanceOf(Fault.class).hasMessageContaining(why);
    }

    @Test
    void anOrdinaryEntryIsReadWhole() {
        TarEntry entry = one(new TarBytes().mode(06755).owner(7, 8).mtime(1234).file("a/b", "content"));
        assertThat(entry.name()).isEqualTo(b("a/b"));
        assertThat(entry.kind()).isEqualTo(TarEntry.Kind.REGULAR);
        assertThat(entry.permissions()).isEqualTo(06755);
        assertThat(entry.uid()).isEqualTo(7);
        assertThat(entry.gid()).isEqualTo(8);
        assertThat(entry.size()).isEqualTo(7);
        assertThat(entry.modified()).isEqualTo(Instant.ofEpochSecond(1234));
        assertThat(entry.accessed()).isEqualTo(entry.modified());
    }

    @Test
    void dataThatNobodyTakesIsSkipped() {
        List<TarEntry> entries = read(new TarBytes()
                .file("a", "x".repeat(1000))
                .file("b", "")
                .file("c", "y".repeat(512))
                .bytes());
        assertThat(entries).extracting(TarEntry::name).containsExactly(b("a"), b("b"), b("c"));
    }

    @Test
    void aPrefixBelongsToTheNameInUstarOnly() {
        TarBytes tar = new TarBytes();
        byte[] block = tar.block(b("name"), '0', TarBytes.NO_DATA, 0);
        System.arraycopy(b("some/prefix"), 0, block, 345, 11);
        assertThat(one(tar.header(block)).name()).isEqualTo(b("some/prefix/name"));

        TarBytes gnu = new TarBytes();
        byte[] gnuBlock = gnu.block(b("name"), '0', TarBytes.NO_DATA, 0);
        System.arraycopy(b("ustar  \0"), 0, gnuBlock, 257, 8);
        System.arraycopy(b("14024023417"), 0, gnuBlock, 345, 11);
        assertThat(one(gnu.header(gnuBlock)).name()).isEqualTo(b("name"));

        TarBytes oldGo = new TarBytes();
        byte[] goBlock = oldGo.block(b("name"), '0', TarBytes.NO_DATA, 0);
        System.arraycopy(b("ustar  \0"), 0, goBlock, 257, 8);
        System.arraycopy(b("some/prefix"), 0, goBlock, 345, 11);
        assertThat(one(oldGo.header(goBlock)).name()).isEqualTo(b("some/prefix/name"));
    }

    @Test
    void longNamesComeInGnuAndPaxForm() {
        String name = "d/".repeat(200) + "f";
        String target = "t/".repeat(100) + "g";
        TarEntry gnu = one(new TarBytes().entry(b(name), '2', b(target), TarBytes.NO_DATA));
        assertThat(gnu.name()).isEqualTo(b(name));
        assertThat(gnu.link()).isEqualTo(b(target));
        TarEntry pax =
                one(new TarBytes().pax("path", name).pax("linkpath", target).symlink("short", "short"));
        assertThat(pax.name()).isEqualTo(b(name));
        assertThat(pax.link()).isEqualTo(b(target));
    }

    @Test
    void namesAndAttributesAreBytes() {
        byte[] odd = {'a', (byte) 0xff, '/', (byte) 0xc3, 'b', '\n'};
        byte[] value = {0, 1, (byte) 0xff, '\n', '='};
        TarEntry entry = one(new TarBytes()
                .pax("path", odd)
                .pax("SCHILY.xattr.user.x", value)
                .pax("SCHILY.xattr.user.twice", "1")
                .pax("SCHILY.xattr.user.twice", "2")
                .pax("SCHILY.xattr.user.empty", "")
                .file("short", ""));
        assertThat(entry.name()).isEqualTo(odd);
        assertThat(entry.xattrs())
                .extracting(TarEntry.Xattr::name)
                .containsExactly(b("user.x"), b("user.twice"), b("user.empty"));
        assertThat(entry.xattrs().getFirst().value()).isEqualTo(value);
        assertThat(entry.xattrs().get(1).value()).isEqualTo(b("2"));
        assertThat(one(new TarBytes().file(odd, TarBytes.NO_DATA)).name()).isEqualTo(odd);
    }

    @Test
    void timesHaveNanosecondsAndMayBeBeforeTheEpoch() {
        TarEntry entry =
                one(new TarBytes().pax("mtime", "1.5").pax("atime", "-1.25").file("a", ""));
        assertThat(entry.modified()).isEqualTo(Instant.ofEpochSecond(1, 500_000_000));
        assertThat(entry.accessed()).isEqualTo(Instant.ofEpochSecond(-2, 750_000_000));
        assertThat(one(new TarBytes().pax("mtime", "7.1234567891").file("a", ""))
                        .modified())
                .isEqualTo(Instant.ofEpochSecond(7, 123_456_789));
        assertThat(one(new TarBytes().mtime(-5).file("a", "")).modified()).isEqualTo(Instant.ofEpochSecond(-5));
        assertThat(one(new TarBytes().pax("mtime", "9223372036854775807").file("a", ""))
                        .modified())
                .isAfter(Instant.parse("+200000-01-01T00:00:00Z"));
        assertRefused(new TarBytes().pax("mtime", "soon").file("a", "").bytes(), "not a number");
        assertRefused(new TarBytes().pax("mtime", "1.x").file("a", "").bytes(), "not a number");
    }

    @Test
    void bigNumbersAreReadInBinaryAndPaxForm() {
        assertThat(one(new TarBytes().owner(4_000_000_000L, 3_000_000).file("a", ""))
                        .uid())
                .isEqualTo(4_000_000_000L);
        assertThat(one(new TarBytes().pax("uid", "4000000001").pax("gid", "5").file("a", ""))
                        .uid())
                .isEqualTo(4_000_000_001L);
        assertRefused(new TarBytes().owner(0xffffffffL, 0).file("a", "").bytes(), "impossible owner");
        assertRefused(new TarBytes().owner(-1, 0).file("a", "").bytes(), "impossible owner");
        assertRefused(new TarBytes().pax("gid", "99999999999").file("a", "").bytes(), "impossible owner");
    }

    @Test
    void impossibleSizesAreRefusedBeforeAnythingIsRead() {
        TarBytes tar = new TarBytes();
        for (long size : new long[] {Long.MAX_VALUE, -1, Long.MIN_VALUE, (1L << 50) + 1}) {
            byte[] block = tar.block(b("big"), '0', TarBytes.NO_DATA, size);
            assertRefused(new TarBytes().header(block).bytes(), "bytes");
        }
        byte[] beyond = tar.block(b("big"), '0', TarBytes.NO_DATA, 0);
        Arrays.fill(beyond, 124, 136, (byte) 0xff);
        beyond[124] = (byte) 0xbf;
        assertRefused(new TarBytes().header(beyond).bytes(), "8 EiB");
        assertRefused(
                new TarBytes().pax("size", "9223372036854775807").file("a", "").bytes(), "bytes");
        assertRefused(
                new TarBytes().pax("size", "92233720368547758070").file("a", "").bytes(), "not a number");
        byte[] pax = tar.block(b("x"), 'x', TarBytes.NO_DATA, 2 << 20);
        assertRefused(new TarBytes().header(pax).bytes(), "extended header has");
    }

    @Test
    void malformedRecordsAreRefused() {
        for (String records : List.of(
                "5",
                "0 a=b\n",
                "6 a=b\n7",
                "100 a=b\n",
                "6 a=bc",
                "4 =\n",
                "5 a=\n5",
                "99999999999999999999 a=b\n",
                "a a=b\n")) {
            TarBytes tar = new TarBytes();
            byte[] data = b(records);
            tar.raw(TarBytes.sealed(tar.block(b("x"), 'x', TarBytes.NO_DATA, data.length)))
                    .data(data);
            assertRefused(tar.file("a", "").bytes(), "extended header");
        }
    }

    @Test
    void globalHeadersAreReadOver() {
        TarBytes tar = new TarBytes();
        byte[] data = b("18 path=elsewhere\n");
        tar.raw(TarBytes.sealed(tar.block(b("g"), 'g', TarBytes.NO_DATA, data.length)))
                .data(data);
        assertThat(one(tar.file("a", "")).name()).isEqualTo(b("a"));
    }

    @Test
    void otherKindsAreTakenForWhatTheyAre() {
        TarBytes tar = new TarBytes();
        byte[] old = tar.block(b("old/"), '\0', TarBytes.NO_DATA, 0);
        byte[] contiguous = tar.block(b("c"), '7', TarBytes.NO_DATA, 0);
        List<TarEntry> entries = read(tar.header(old)
                .header(contiguous)
                .device("n", '3', 1, 3)
                .device("b", '4', 4095, 1048575)
                .entry(b("f"), '6', TarBytes.NO_DATA, TarBytes.NO_DATA)
                .bytes());
        assertThat(entries)
                .extracting(TarEntry::kind)
                .containsExactly(
                        TarEntry.Kind.DIRECTORY,
                        TarEntry.Kind.REGULAR,
                        TarEntry.Kind.CHARACTER_DEVICE,
                        TarEntry.Kind.BLOCK_DEVICE,
                        TarEntry.Kind.FIFO);
        assertThat(entries.get(3).rdev()).isEqualTo(4095L << 32 | 1048575);
        assertRefused(new TarBytes().device("n", '3', 4096, 0).bytes(), "impossible numbers");
        for (char type : new char[] {'D', 'M', 'N', '9', 'z', (char) 200}) {
            assertRefused(
                    new TarBytes()
                            .entry(b("a"), type, TarBytes.NO_DATA, TarBytes.NO_DATA)
                            .bytes(),
                    "unknown type");
        }
    }

    @Test
    void sparseMapsOfEveryForm() {
        byte[] data = b("0123456789");
        List<TarEntry.Piece> pieces = List.of(new TarEntry.Piece(100, 4), new TarEntry.Piece(5000, 6));
        TarEntry pairs = one(new TarBytes()
                .pax("GNU.sparse.size", "6000")
                .pax("GNU.sparse.numblocks", "2")
                .pax("GNU.sparse.offset", "100")
                .pax("GNU.sparse.numbytes", "4")
                .pax("GNU.sparse.offset", "5000")
                .pax("GNU.sparse.numbytes", "6")
                .file(b("s"), data));
        TarEntry list = one(new TarBytes()
                .pax("GNU.sparse.size", "6000")
                .pax("GNU.sparse.name", "real")
                .pax("GNU.sparse.map", "100,4,5000,6")
                .file(b("GNUSparseFile.0/s"), data));
        byte[] withMap = Arrays.copyOf(b("2\n100\n4\n5000\n6\n"), 512 + data.length);
        System.arraycopy(data, 0, withMap, 512, data.length);
        TarEntry inData = one(new TarBytes()
                .pax("GNU.sparse.major", "1")
                .pax("GNU.sparse.minor", "0")
                .pax("GNU.sparse.realsize", "6000")
                .file(b("s"), withMap));
        TarBytes old = new TarBytes();
        byte[] block = old.block(b("s"), 'S', TarBytes.NO_DATA, data.length);
        System.arraycopy(b("ustar  \0"), 0, block, 257, 8);
        TarBytes.number(block, 386, 12, 100);
        TarBytes.number(block, 398, 12, 4);
        TarBytes.number(block, 410, 12, 5000);
        TarBytes.number(block, 422, 12, 6);
        TarBytes.number(block, 483, 12, 6000);
        TarEntry header = one(old.header(block).data(data));
        for (TarEntry entry : List.of(pairs, list, inData, header)) {
            assertThat(entry.pieces()).isEqualTo(pieces);
            assertThat(entry.size()).isEqualTo(6000);
            assertThat(entry.storedSize()).isEqualTo(10);
        }
        assertThat(list.name()).isEqualTo(b("real"));
    }

    @Test
    void sparseMapsThatLieAreRefused() {
        for (String map :
                List.of("0,5", "0,11", "5,5,0,5", "0,6,5,4", "9223372036854775807,10", "-1,10", "0,10,", "x,10")) {
            byte[] archive = new TarBytes()
                    .pax("GNU.sparse.size", "20")
                    .pax("GNU.sparse.map", map)
                    .file(b("s"), b("0123456789"))
                    .bytes();
            assertThatThrownBy(() -> read(archive)).isInstanceOf(Fault.class);
        }
        for (String map :
                List.of("99999999999\n", "9\n1\n", "1\n0\n-10\n", "1\n0\n1x\n", "\n", "12345678901234567890123\n")) {
            byte[] archive = new TarBytes()
                    .pax("GNU.sparse.major", "1")
                    .pax("GNU.sparse.minor", "0")
                    .pax("GNU.sparse.realsize", "6000")
                    .file(b("s"), Arrays.copyOf(b(map), 512))
                    .bytes();
            assertThatThrownBy(() -> read(archive)).isInstanceOf(Fault.class);
        }
        assertRefused(
                new TarBytes()
                        .pax("GNU.sparse.size", Long.toString(Long.MAX_VALUE))
                        .pax("GNU.sparse.map", "")
                        .file("s", "")
                        .bytes(),
                "bytes");
    }

    @Test
    void theEndIsTwoEmptyBlocksOrNothing() {
        byte[] unfinished = new TarBytes().file("a", "x").unfinished();
        assertThat(read(unfinished)).hasSize(1);
        assertThat(read(Arrays.copyOf(unfinished, unfinished.length + 512))).hasSize(1);
        assertThat(read(Arrays.copyOf(unfinished, unfinished.length + 10_240))).hasSize(1);
        assertThat(read(new byte[0])).isEmpty();
        byte[] garbage = new TarBytes().file("a", "x").bytes();
        byte[] longer = Arrays.copyOf(garbage, garbage.length + 700);
        longer[garbage.length + 600] = 1;
        assertRefused(longer, "follows after the end");
        byte[] gap = new TarBytes().raw(new byte[512]).file("a", "x").bytes();
        assertRefused(gap, "empty block");
        assertRefused(b("x".repeat(2000)), "no tar archive");
        assertRefused(b("<html>"), "cut off");
    }

    /** BuildKit puts it there. */
    @Test
    void aTableOfContentsForLazyPullersMayFollowTheEnd() {
        byte[] archive = new TarBytes().file("a", "x").bytes();
        byte[] table = new TarBytes().file("stargz.index.json", "{}").unfinished();
        for (int zeroes : new int[] {0, 512, 10_240}) {
            byte[] both = concat(archive, new byte[zeroes], table, new byte[1024]);
            assertThat(read(both)).extracting(TarEntry::name).containsExactly(b("a"));
        }
        assertThat(read(concat(archive, table))).hasSize(1);
        assertRefused(concat(archive, table, table), "follows after the end");
        assertRefused(concat(archive, new byte[100], table), "follows after the end");
        assertRefused(concat(archive, b("garbage")), "follows after the end");
        assertRefused(concat(archive, new TarBytes().file("b", "{}").bytes()), "follows after the end");
        assertRefused(concat(archive, new TarBytes().dir("stargz.index.json").bytes()), "follows after the end");
        byte[] broken = table.clone();
        broken[100]++;
        assertRefused(concat(archive, broken), "checksum");
        assertRefused(concat(archive, Arrays.copyOf(table, 600)), "cut off");
    }

    private static byte[] concat(byte[]... parts) {
        var whole = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            whole.writeBytes(part);
        }
        return whole.toByteArray();
    }

    @Test
    void everyCutIsNoticedButThoseBetweenEntries() {
        byte[] whole = new TarBytes()
                .pax("path", "long")
                .file("a", "x".repeat(700))
                .entry(b("n".repeat(150)), '0', TarBytes.NO_DATA, b("y"))
                .unfinished();
        for (int length = 1; length < whole.length; length++) {
            byte[] cut = Arrays.copyOf(whole, length);
            // Header, records, header, the data, its padding; then the first file is whole. Long name in two blocks,
            // header, one byte.
            if (length == 3 * 512 + 700 || length == 5 * 512) {
                assertThat(read(cut)).hasSize(1);
            } else if (length == 8 * 512 + 1) {
                assertThat(read(cut)).hasSize(2);
            } else {
                assertRefused(cut, "cut off");
            }
        }
    }

    @Test
    void aStreamThatBreaksIsNotTheArchivesFault() {
        InputStream broken = new InputStream() {
            @Override
            public int read() throws IOException {
                throw new IOException("connection reset");
            }

            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                throw new IOException("connection reset");
            }
        };
        assertThatThrownBy(() -> new TarReader(broken).next())
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE))
                .hasMessageContaining("connection reset");
    }

    @Property(tries = 3000)
    void whateverTheBytesOnlyFaultsCome(@ForAll long seed, @ForAll @IntRange(min = 1, max = 12) int changes) {
        Random random = new Random(seed);
        byte[] archive = new TarBytes()
                .pax("path", "some/name")
                .pax("SCHILY.xattr.user.a", "b")
                .file("a", "x".repeat(600))
                .entry(b("n".repeat(150)), '2', b("t".repeat(150)), TarBytes.NO_DATA)
                .pax("GNU.sparse.size", "6000")
                .pax("GNU.sparse.map", "100,4,5000,6")
                .file("s", "0123456789")
                .device("n", '3', 1, 3)
                .bytes();
        for (int i = 0; i < changes; i++) {
            archive[random.nextInt(archive.length)] = (byte) random.nextInt(256);
        }
        reseal(archive);
        try {
            TarReader reader = new TarReader(new ByteArrayInputStream(archive));
            ByteBuffer buffer = ByteBuffer.allocate(4096);
            for (TarEntry entry = reader.next(); entry != null; entry = reader.next()) {
                long left = entry.storedSize();
                while (left > 0) {
                    reader.read(buffer.clear(), left);
                    left -= buffer.position();
                }
            }
        } catch (Fault expected) {
            assertThat(expected.code()).isIn(Fault.Code.INVALID_ARGUMENT, Fault.Code.RESOURCE_EXHAUSTED);
        }
    }

    /** Gives changed headers a right checksum, or nothing behind it would be tested. */
    private static void reseal(byte[] archive) {
        for (int at = 0; at + 512 <= archive.length; at += 512) {
            byte[] block = Arrays.copyOfRange(archive, at, at + 512);
            if (new String(block, 257, 5, java.nio.charset.StandardCharsets.ISO_8859_1).equals("ustar")) {
                System.arraycopy(TarBytes.sealed(block), 0, archive, at, 512);
            }
        }
    }
}

package dev.berth.cri.checkpoint;

import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import dev.berth.snapshots.TarEntry;
import dev.berth.snapshots.TarReader;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Unpacks the archive of one checkpoint into a directory of its own, and tells afterwards whether it may be used. Until then
 * nothing is believed: names are plain ones, and nothing but regular files is made.
 */
public final class CheckpointReader {
    /** What is written to disk. All else is only hashed. */
    private static final Pattern KEPT = Pattern.compile("(" + CheckpointWriter.IMAGES
            + "/[A-Za-z0-9_][A-Za-z0-9_.-]{0,200})|" + Pattern.quote(CheckpointWriter.DIFFERENCE));

    private static final int MOST_TEXT = 16 << 20;
    private static final int MOST_ENTRIES = 100_000;
    private static final int LONGEST_NAME = 255;
    private static final int CHUNK = 1 << 16;

    private final String what;
    private final Path into;
    private final Map<String, String> digests = new TreeMap<>();
    private final Map<String, byte[]> texts = new TreeMap<>();

    private CheckpointReader(String what, Path into) {
        this.what = what;
        this.into = into;
    }

    /**
     * A checkpoint that may be used.
     *
     * @param spec the OCI spec that the container ran with
     * @param images directory with the state of its processes
     * @param difference a layer with what has changed in its root
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Unpacked(Manifest manifest, byte[] spec, Path images, Path difference) {}

    /**
     * Unpacks an archive.
     *
     * @param wanted which one, as something says that bears a seal; no more than its size is read
     * @param into an existing empty directory; what fails leaves it half full
     * @throws Fault NOT_FOUND if there is no such file; INVALID_ARGUMENT if it is no checkpoint; PERMISSION_DENIED if its seal is
     *     missing or that of another node; DATA_LOSS if it is another one; RESOURCE_EXHAUSTED if the disk is full
     */
    public static Unpacked unpack(Path archive, PodDump.Archive wanted, Path into, Seal seal) {
        String what = "read the checkpoint " + archive;
        var reader = new CheckpointReader(what, into);
        MessageDigest whole = Digest.sha256Hasher();
        try (InputStream in = new BufferedInputStream(
                new DigestInputStream(new Bounded(PlainFile.open(what, archive), wanted.size()), whole), CHUNK)) {
            Files.createDirectory(into.resolve(CheckpointWriter.IMAGES));
            reader.read(new TarReader(in));
            in.transferTo(OutputStream.nullOutputStream());
        } catch (IOException e) {
            throw DiskFault.of(what, e);
        } catch (Fault e) {
            throw e.within("checkpoint " + archive.getFileName());
        }
        if (!HexFormat.of().formatHex(whole.digest()).equals(wanted.sha256())) {
            throw reader.another();
        }
        return reader.verified(seal);
    }

    /** A stream that ends where it should: a file may be any length, and say so of its content. */
    private static final class Bounded extends FilterInputStream {
        private long left;

        Bounded(InputStream in, long length) {
            super(in);
            this.left = length;
        }

        @Override
        public int read() throws IOException {
            int read = left > 0 ? in.read() : -1;
            left -= read < 0 ? 0 : 1;
            return read;
        }

        @Override
        public int read(byte[] bytes, int from, int length) throws IOException {
            int read = left > 0 ? in.read(bytes, from, (int) Math.min(length, left)) : -1;
            left -= Math.max(read, 0);
            return read;
        }

        @Override
        public long skip(long count) throws IOException {
            long skipped = in.skip(Math.min(count, left));
            left -= skipped;
            return skipped;
        }
    }

    private void read(TarReader tar) throws IOException {
        int entries = 0;
        for (TarEntry entry = tar.next(); entry != null; entry = tar.next()) {
            if (++entries > MOST_ENTRIES) {
                throw Fault.invalid(what, "it has more than " + MOST_ENTRIES + " entries", "");
            }
            if (entry.name().length > LONGEST_NAME) {
                throw Fault.invalid(what, "an entry's name has " + entry.name().length + " bytes", "");
            }
            String name = new String(entry.name(), StandardCharsets.UTF_8);
            if (entry.kind() == TarEntry.Kind.DIRECTORY) {
                continue;
            }
            if (entry.kind() != TarEntry.Kind.REGULAR || entry.pieces() != null) {
                throw Fault.invalid(what, "its entry \"" + shown(name) + "\" is not a plain file", "");
            }
            if (digests.containsKey(name) || texts.containsKey(name)) {
                throw Fault.invalid(what, "its entry \"" + shown(name) + "\" is there twice", "");
            }
            take(tar, name, entry.size());
        }
    }

    private void take(TarReader tar, String name, long size) throws IOException {
        MessageDigest digest = Digest.sha256Hasher();
        if (KEPT.matcher(name).matches()) {
            try (OutputStream out = Files.newOutputStream(into.resolve(name), StandardOpenOption.CREATE_NEW)) {
                copy(tar, size, out, digest);
            }
        } else if (isText(name)) {
            if (size > MOST_TEXT) {
                throw Fault.invalid(what, "its entry \"" + name + "\" is larger than " + MOST_TEXT + " bytes", "");
            }
            var text = new ByteArrayOutputStream();
            copy(tar, size, text, digest);
            texts.put(name, text.toByteArray());
        } else {
            copy(tar, size, OutputStream.nullOutputStream(), digest);
        }
        digests.put(name, HexFormat.of().formatHex(digest.digest()));
    }

    private static boolean isText(String name) {
        return name.equals(CheckpointWriter.MANIFEST)
                || name.equals(CheckpointWriter.SEAL)
                || name.equals(CheckpointWriter.SPEC);
    }

    private static void copy(TarReader tar, long size, OutputStream out, MessageDigest digest) throws IOException {
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
        for (long left = size; left > 0; left -= chunk.position()) {
            chunk.clear();
            tar.read(chunk, left);
            out.write(chunk.array(), 0, chunk.position());
            digest.update(chunk.array(), 0, chunk.position());
        }
    }

    private Unpacked verified(Seal seal) {
        byte[] text = texts.get(CheckpointWriter.MANIFEST);
        byte[] sealed = texts.get(CheckpointWriter.SEAL);
        if (text == null || sealed == null || !seal.fits(text, sealed)) {
            throw Fault.of(
                    Fault.Code.PERMISSION_DENIED,
                    what,
                    text == null || sealed == null ? "it has no seal" : "its seal is not that of this node's key",
                    "Restore what this node has made, or give it the key of the node that has made it");
        }
        Manifest manifest = Texts.read(what, Manifest.class, text);
        if (manifest.version() != Manifest.VERSION) {
            throw Fault.precondition(
                    what, "it has version " + manifest.version(), "Use a node that runs the same version of Berth");
        }
        digests.remove(CheckpointWriter.MANIFEST);
        digests.remove(CheckpointWriter.SEAL);
        byte[] spec = texts.get(CheckpointWriter.SPEC);
        if (!digests.equals(manifest.files()) || spec == null || !digests.containsKey(CheckpointWriter.DIFFERENCE)) {
            throw another();
        }
        return new Unpacked(
                manifest, spec, into.resolve(CheckpointWriter.IMAGES), into.resolve(CheckpointWriter.DIFFERENCE));
    }

    private Fault another() {
        return Fault.of(
                Fault.Code.DATA_LOSS, what, "its content is not what was written", "Use another copy, if there is");
    }

    private static String shown(String name) {
        String text = name.length() > 200 ? name.substring(0, 200) + "…" : name;
        return text.replaceAll("\\p{Cntrl}", "?");
    }
}

package dev.berth.cri.checkpoint;

import dev.berth.oci.Digest;
import dev.berth.snapshots.TarEntry;
import dev.berth.snapshots.TarWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Writes the archive of one checkpoint: entry after entry, then what it says of itself, and the seal. */
public final class CheckpointWriter {
    static final String IMAGES = "checkpoint";
    static final String MANIFEST = "berth.manifest";
    static final String SEAL = "berth.seal";

    /** What has changed in the container's root, as a layer. */
    public static final String DIFFERENCE = "rootfs-diff.tar";

    /** The OCI spec that it ran with. */
    public static final String SPEC = "spec.dump";

    private static final int CHUNK = 1 << 16;

    private final TarWriter tar;
    private final Map<String, String> digests = new TreeMap<>();

    /** @param out stays the caller's */
    public CheckpointWriter(OutputStream out) {
        this.tar = new TarWriter(out);
    }

    /** Adds a text. */
    public void add(String name, byte[] text) throws IOException {
        begin(name, text.length);
        tar.write(text, 0, text.length);
        digests.put(name, HexFormat.of().formatHex(Digest.sha256Hasher().digest(text)));
    }

    /** Adds a file as long as it is now. */
    public void add(String name, Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS)) {
            add(name, channel, channel.size());
        }
    }

    /**
     * Adds the beginning of a file.
     *
     * @param length if the file is shorter, zeroes take the place of what is missing
     */
    public void add(String name, FileChannel file, long length) throws IOException {
        begin(name, length);
        MessageDigest digest = Digest.sha256Hasher();
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
        for (long at = 0; at < length; at += chunk.position()) {
            chunk.clear().limit((int) Math.min(CHUNK, length - at));
            if (file.read(chunk, at) < 0) {
                Arrays.fill(chunk.array(), 0, chunk.limit(), (byte) 0);
                chunk.position(chunk.limit());
            }
            tar.write(chunk.array(), 0, chunk.position());
            digest.update(chunk.array(), 0, chunk.position());
        }
        digests.put(name, HexFormat.of().formatHex(digest.digest()));
    }

    /** Adds the state of the processes, all files of a directory. */
    public void addImages(Path directory) throws IOException {
        tar.begin(TarEntry.of(IMAGES, TarEntry.Kind.DIRECTORY, "", 0700, 0));
        List<Path> files;
        try (Stream<Path> all = Files.list(directory)) {
            files = all.filter(each -> Files.isRegularFile(each, LinkOption.NOFOLLOW_LINKS))
                    .sorted()
                    .toList();
        }
        for (Path file : files) {
            add(IMAGES + "/" + file.getFileName(), file);
        }
    }

    /** Ends the archive. */
    public void finish(Manifest about, Seal seal) throws IOException {
        byte[] text = Texts.bytes(Manifest.class, about.with(Map.copyOf(digests)));
        byte[] sealed = seal.of(text).getBytes(StandardCharsets.US_ASCII);
        begin(MANIFEST, text.length);
        tar.write(text, 0, text.length);
        begin(SEAL, sealed.length);
        tar.write(sealed, 0, sealed.length);
        tar.finish();
    }

    private void begin(String name, long size) throws IOException {
        if (digests.containsKey(name)) {
            throw new IllegalArgumentException(name + " is there already");
        }
        tar.begin(TarEntry.of(name, TarEntry.Kind.REGULAR, "", 0600, size));
    }
}

package dev.berth.images.sample;

import dev.berth.kernel.Fault;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.zip.GZIPOutputStream;

/**
 * Writes a layer entry by entry, as a ustar archive whose every time is 0 and every owner is root unless said otherwise, so that equal
 * content gives equal digests.
 */
public final class LayerBuilder {
    private static final int BLOCK = 512;
    private static final int MAX_NAME = 100;

    private final ByteArrayOutputStream tar = new ByteArrayOutputStream();

    /**
     * A finished layer.
     *
     * @param descriptor of the packed bytes
     * @param diffId of the plain archive
     */
    @SuppressWarnings("ArrayRecordComponent") // nobody compares layers
    public record Layer(Descriptor descriptor, Digest diffId, byte[] bytes) {}

    public LayerBuilder directory(String name, int mode) {
        return entry(name + "/", '5', mode, "", new byte[0]);
    }

    public LayerBuilder file(String name, int mode, byte[] content) {
        return entry(name, '0', mode, "", content);
    }

    public LayerBuilder file(String name, int mode, String content) {
        return file(name, mode, content.getBytes(StandardCharsets.UTF_8));
    }

    /** A copy of a file of this machine, with its name's target if it is a link. */
    public LayerBuilder file(String name, int mode, Path source) {
        try {
            return file(name, mode, Files.readAllBytes(source));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A program of this machine with the loader and the libraries that it needs, these where this machine has them. */
    public LayerBuilder program(String name, Path source) {
        try {
            Set<Path> libraries = ElfNeeds.of(source);
            libraries.stream()
                    .map(it -> it.toString().substring(1))
                    .map(it -> it.substring(0, it.lastIndexOf('/')))
                    .distinct()
                    .filter(it -> it.indexOf('/') > 0) // the others are there
                    .forEach(it -> directory(it, 0755));
            for (Path library : libraries) {
                file(library.toString().substring(1), 0755, library);
            }
        } catch (IOException e) {
            throw Fault.precondition(
                            "put " + source + " into an image", String.valueOf(e.getMessage()), "Install it again")
                    .causedBy(e);
        }
        return file(name, 0755, source);
    }

    public LayerBuilder symbolicLink(String name, String target) {
        return entry(name, '2', 0777, target, new byte[0]);
    }

    /** Another name for an earlier file of this layer. */
    public LayerBuilder hardLink(String name, String earlier) {
        return entry(name, '1', 0755, earlier, new byte[0]);
    }

    /** Any entry at all, also of kinds that a good image does not have. */
    public LayerBuilder entry(String name, char type, int mode, String link, byte[] content) {
        byte[] header = new byte[BLOCK];
        text(header, 0, MAX_NAME, name);
        octal(header, 100, 8, mode);
        octal(header, 108, 8, 0);
        octal(header, 116, 8, 0);
        octal(header, 124, 12, content.length);
        octal(header, 136, 12, 0);
        header[156] = (byte) type;
        text(header, 157, MAX_NAME, link);
        text(header, 257, 8, "ustar\00000");
        octal(header, 329, 8, 0);
        octal(header, 337, 8, 0);
        text(header, 148, 8, "        ");
        int sum = 0;
        for (byte b : header) {
            sum += b & 0xff;
        }
        octal(header, 148, 7, sum);
        tar.writeBytes(header);
        tar.writeBytes(content);
        tar.writeBytes(new byte[(BLOCK - content.length % BLOCK) % BLOCK]);
        return this;
    }

    /** The layer, packed with gzip. */
    public Layer gzip() {
        byte[] plain = plainBytes();
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
            gzip.write(plain);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return packed(MediaTypes.OCI_LAYER_GZIP, packed.toByteArray());
    }

    /** The layer as it is. */
    public Layer plain() {
        return packed(MediaTypes.OCI_LAYER, plainBytes());
    }

    /** The layer, packed by the caller. */
    public Layer packed(String mediaType, byte[] bytes) {
        return new Layer(Descriptor.of(mediaType, Digest.of(bytes), bytes.length), Digest.of(plainBytes()), bytes);
    }

    /** The archive with its end. */
    public byte[] plainBytes() {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        whole.writeBytes(tar.toByteArray());
        whole.writeBytes(new byte[2 * BLOCK]);
        return whole.toByteArray();
    }

    private static void text(byte[] header, int at, int length, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > length) {
            throw new IllegalArgumentException("longer than " + length + " bytes: " + text);
        }
        System.arraycopy(bytes, 0, header, at, bytes.length);
    }

    private static void octal(byte[] header, int at, int length, int value) {
        String digits = Integer.toOctalString(value);
        text(header, at, length, "0".repeat(length - 1 - digits.length()) + digits);
    }
}

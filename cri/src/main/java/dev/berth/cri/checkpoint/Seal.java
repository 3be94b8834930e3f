package dev.berth.cri.checkpoint;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Tells what this node, or one with the same key, has made from what it has not: HMAC with SHA-256. The key is a file of
 * root's alone, made when it is first needed. Thread-safe.
 */
public final class Seal {
    private static final String ALGORITHM = "HmacSHA256";
    private static final int KEY_BYTES = 32;

    private final Path file;

    /** @param file of the key; a node that shall restore what another has made gets a copy of the other's */
    public Seal(Path file) {
        this.file = file;
    }

    /** The seal of a text, in hexadecimal. */
    String of(byte[] text) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(key(), ALGORITHM));
            return HexFormat.of().formatHex(mac.doFinal(text));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }

    boolean fits(byte[] text, byte[] seal) {
        return MessageDigest.isEqual(of(text).getBytes(StandardCharsets.US_ASCII), seal);
    }

    private synchronized byte[] key() {
        String what = "read the key of checkpoints";
        try {
            if (!Files.exists(file)) {
                make();
            }
            byte[] key = Files.readAllBytes(file);
            if (key.length < KEY_BYTES) {
                throw Fault.precondition(
                        what,
                        file + " has " + key.length + " bytes, fewer than " + KEY_BYTES,
                        "Put back what was in it, or remove it to have a new one made: what was sealed with the old one"
                                + " can then not be restored any more");
            }
            return key;
        } catch (IOException e) {
            throw Fault.unavailable(what, file + ": " + e.getMessage(), "Make it readable for the daemon")
                    .causedBy(e);
        }
    }

    private void make() throws IOException {
        byte[] key = new byte[KEY_BYTES];
        new SecureRandom().nextBytes(key);
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.write(fresh, key, StandardOpenOption.WRITE, StandardOpenOption.SYNC);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }
}

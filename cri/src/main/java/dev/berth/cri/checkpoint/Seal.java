package dev.berth.cri.checkpoint;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Set;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Tells what this node, or one with the same key, has made from what it has not: HMAC with SHA-256. The key is a file of
 * root's alone, made when it is first needed. Thread-safe.
 */
public final class Seal {
    private static final String ALGORITHM = "HmacSHA256";
    private static final int KEY_BYTES = 32;

    private static final Set<PosixFilePermission> OTHERS = PosixFilePermissions.fromString("---rwxrwx");

    private final Path file;
    private final Disk disk;

    /** @param file of the key; a node that shall restore what another has made gets a copy of the other's */
    public Seal(Path file, Disk disk) {
        this.file = file;
        this.disk = disk;
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
            if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) { // a link to a disk that is not mounted yet is there
                byte[] fresh = new byte[KEY_BYTES];
                new SecureRandom().nextBytes(fresh);
                disk.replace(file, fresh);
            }
            byte[] key = Files.readAllBytes(file);
            if (key.length < KEY_BYTES) {
                throw Fault.precondition(
                        what,
                        file + " has " + key.length + " bytes, fewer than " + KEY_BYTES,
                        "Put back what was in it, or remove it to have a new one made: what was sealed with the old one"
                                + " can then not be restored any more");
            }
            if (Files.getPosixFilePermissions(file).stream().anyMatch(OTHERS::contains)) {
                throw Fault.precondition(
                        what, "others than root may read or write " + file, "chmod 600 it, or make another one");
            }
            return key;
        } catch (IOException e) {
            throw Fault.precondition(what, file + ": " + e.getMessage(), "Make it readable for the daemon")
                    .causedBy(e);
        }
    }
}

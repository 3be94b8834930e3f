package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The blocks of a PEM file, which may hold certificates, keys and any text between them.
 *
 * @see <a href="https://www.rfc-editor.org/rfc/rfc7468">RFC 7468</a>
 */
final class Pem {
    private static final Logger LOG = LoggerFactory.getLogger(Pem.class);
    private static final long MAX_BYTES = 8 << 20; // a system's bundle has a quarter of a megabyte
    private static final Pattern BLOCK = Pattern.compile(
            "-----BEGIN ([A-Z0-9 ]{1,64})-----([^-]*+(?:-(?!----)[^-]*+)*+)-----END \\1-----", Pattern.DOTALL);

    /**
     * One block.
     *
     * @param label as in {@code CERTIFICATE}
     * @param text what is between the two lines
     */
    record Block(String label, String text) {
        /** Whether it begins with headers, as the old form of an encrypted key does. */
        boolean hasHeaders() {
            return text.indexOf(':') >= 0;
        }

        /** @throws IllegalArgumentException if it is not base64 */
        byte[] bytes() {
            return Base64.getMimeDecoder().decode(text);
        }
    }

    private Pem() {}

    /** @throws IOException if the file cannot be read or is far too large */
    static List<Block> blocks(Path file) throws IOException {
        if (Files.size(file) > MAX_BYTES) {
            throw new IOException("it has more than " + MAX_BYTES + " bytes");
        }
        Matcher matcher = BLOCK.matcher(Files.readString(file, StandardCharsets.ISO_8859_1));
        List<Block> blocks = new ArrayList<>();
        while (matcher.find()) {
            blocks.add(new Block(matcher.group(1), matcher.group(2)));
        }
        return blocks;
    }

    /** The certificates of a file; those that this JDK cannot read are left out, as others do. */
    static List<X509Certificate> certificates(Path file) throws IOException, GeneralSecurityException {
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        List<X509Certificate> found = new ArrayList<>();
        for (Block block : blocks(file)) {
            if (block.label().equals("CERTIFICATE")) {
                try {
                    found.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(block.bytes())));
                } catch (CertificateException | IllegalArgumentException unreadable) {
                    LOG.debug("{}: a certificate cannot be read: {}", file, Text.reason(unreadable));
                }
            }
        }
        return found;
    }

    /**
     * The certificates of a file that the configuration names.
     *
     * @param isBundle each stands for itself, so that one that is not valid today is left out; else they are a chain
     * @throws Fault FAILED_PRECONDITION if there is none in it, or none that is valid
     */
    static List<X509Certificate> configured(String kind, Path file, boolean isBundle) throws GeneralSecurityException {
        List<X509Certificate> found;
        try {
            found = certificates(file);
        } catch (IOException e) {
            throw Fault.precondition(kind + " " + file, "it cannot be read: " + e, "Correct hosts.toml")
                    .causedBy(e);
        }
        if (found.isEmpty()) {
            throw Fault.precondition(kind + " " + file, "there is no certificate in it", "Give it as PEM");
        }
        List<X509Certificate> valid = new ArrayList<>();
        CertificateException bad = null;
        for (X509Certificate each : found) {
            try {
                each.checkValidity();
                valid.add(each);
            } catch (CertificateException e) {
                LOG.warn("{} {}: {} is not used: {}", kind, file, each.getSubjectX500Principal(), Text.reason(e));
                bad = e;
            }
        }
        if (bad != null && (!isBundle || valid.isEmpty())) {
            throw Fault.precondition(
                            kind + " " + file,
                            "it has expired or is not valid yet: " + Text.reason(bad),
                            "Replace it; it is read again when the file changes")
                    .causedBy(bad);
        }
        return valid;
    }
}

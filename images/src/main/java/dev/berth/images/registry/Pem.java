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
import java.util.Optional;
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
     * The certificates by which we are known, as a file that the configuration names has them: a chain, of which each link counts.
     *
     * @throws Fault FAILED_PRECONDITION if there is none in it, or one that is not valid today
     */
    static List<X509Certificate> chain(Path file) throws GeneralSecurityException {
        String kind = "registry client certificate";
        List<X509Certificate> found = configured(kind, file);
        for (X509Certificate each : found) {
            Optional<CertificateException> bad = notToday(kind, file, each);
            if (bad.isPresent()) {
                throw expired(kind, file, bad.get());
            }
        }
        return found;
    }

    /**
     * The authorities of the files that the configuration names. Each stands for itself, so that one that is not valid today is left
     * out: while an authority is replaced, the old one and the new one are named side by side.
     *
     * @throws Fault FAILED_PRECONDITION if a file has none, or none of all is valid
     */
    static List<X509Certificate> authorities(List<Path> files) throws GeneralSecurityException {
        String kind = "certificate authority";
        List<X509Certificate> valid = new ArrayList<>();
        Fault last = null;
        for (Path file : files) {
            for (X509Certificate each : configured(kind, file)) {
                Optional<CertificateException> bad = notToday(kind, file, each);
                if (bad.isPresent()) {
                    last = expired(kind, file, bad.get());
                } else {
                    valid.add(each);
                }
            }
        }
        if (valid.isEmpty() && last != null) {
            throw last;
        }
        return valid;
    }

    private static List<X509Certificate> configured(String kind, Path file) throws GeneralSecurityException {
        try {
            List<X509Certificate> found = certificates(file);
            if (found.isEmpty()) {
                throw Fault.precondition(kind + " " + file, "there is no certificate in it", "Give it as PEM");
            }
            return found;
        } catch (IOException e) {
            throw Fault.precondition(kind + " " + file, "it cannot be read: " + e, "Correct hosts.toml")
                    .causedBy(e);
        }
    }

    private static Optional<CertificateException> notToday(String kind, Path file, X509Certificate certificate) {
        try {
            certificate.checkValidity();
            return Optional.empty();
        } catch (CertificateException e) {
            LOG.warn("{} {}: {} is not used: {}", kind, file, certificate.getSubjectX500Principal(), Text.reason(e));
            return Optional.of(e);
        }
    }

    private static Fault expired(String kind, Path file, CertificateException bad) {
        return Fault.precondition(
                        kind + " " + file,
                        "it has expired or is not valid yet: " + Text.reason(bad),
                        "Replace it; it is read again when the file changes")
                .causedBy(bad);
    }
}

package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which authorities the node trusts, by its files and the daemon's environment. */
class TrustTest {
    @TempDir
    Path root;

    private static Set<X509Certificate> trusted(String... environment) throws Exception {
        return Trust.systemAuthorities(
                environment.length == 2
                        ? Map.of(environment[0], environment[1])
                        : Map.of(environment[0], environment[1], environment[2], environment[3]));
    }

    @Test
    void filesUnderTheNamesOfHashesAreReadOnce() throws Exception {
        X509Certificate own = certificate();
        Path directory = Files.createDirectories(root.resolve("certs"));
        Files.copy(root.resolve("pki/ca.pem"), directory.resolve("0a1b2c3d.0"));
        Files.createSymbolicLink(directory.resolve("1a1b2c3d.0"), Path.of("0a1b2c3d.0"));
        try (var huge = new RandomAccessFile(directory.resolve("huge").toFile(), "rw")) {
            huge.setLength(100 << 20); // one that cannot be used leaves the others as they are
        }
        assertThat(trusted("SSL_CERT_FILE", "/dev/null", "SSL_CERT_DIR", directory.toString()))
                .contains(own);
    }

    @Test
    void aFileOfOnesOwnLeavesTheDirectoriesAsTheyAre() throws Exception {
        X509Certificate own = certificate();
        Set<X509Certificate> usual = trusted("SSL_CERT_FILE", "", "SSL_CERT_DIR", "");
        assertThat(usual).isEqualTo(Trust.systemAuthorities(Map.of())).doesNotContain(own);
        String file = root.resolve("pki/ca.pem").toString();
        assertThat(trusted("SSL_CERT_FILE", file)).contains(own).containsAll(usual);
        assertThat(trusted("SSL_CERT_FILE", file, "SSL_CERT_DIR", root.toString()))
                .containsExactly(own);
        assertThat(trusted("SSL_CERT_FILE", root.toString())).isEqualTo(usual);
    }

    private X509Certificate certificate() throws Exception {
        return Pem.certificates(Certificates.in(root.resolve("pki")).authority())
                .getFirst();
    }
}

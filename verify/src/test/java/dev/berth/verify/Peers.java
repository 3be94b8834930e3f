package dev.berth.verify;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;

/** Real clients and peers that {@code verify/peers/build} has built; a test that needs a missing one is skipped by name. */
final class Peers {
    private Peers() {}

    static Optional<Path> path(String tool) {
        String home = System.getenv("BERTH_PEERS_BIN");
        Path folder = home == null ? Path.of(System.getProperty("user.home"), ".cache/berth/peers/bin") : Path.of(home);
        return Optional.of(folder.resolve(tool)).filter(Files::isExecutable);
    }

    static Path need(String tool) {
        Optional<Path> path = path(tool);
        Assumptions.assumeTrue(path.isPresent(), tool + " is not built: verify/peers/build needs Go 1.26");
        return path.orElseThrow();
    }
}

package dev.berth.shim.runtime;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What crun makes of seccomp profiles: filters for the kernel, kept under the hash of the profile and the program that made
 * them. crun leaves the filter of a container in its state directory, and takes one in place of its own work from an
 * annotation. The profile stays in the config beside it, because the flags of the filter come from there.
 *
 * <p>Lives as long as the state directory, thus not longer than the kernel runs for which the filters were made. Thread-safe.
 */
public final class SeccompCache {
    /** Under which crun looks for a filter; nobody but us may set it, since it replaces the profile. */
    public static final String ANNOTATION = "run.oci.seccomp_bpf_data";

    private static final Logger LOG = LoggerFactory.getLogger(SeccompCache.class);
    private static final String FILTER = "seccomp.bpf";
    private static final int INSTRUCTION_BYTES = 8;
    private static final int MAX_BYTES = 4096 * INSTRUCTION_BYTES;
    private static final int MAX_FILTERS = 256;

    private final Path directory;

    public SeccompCache(Path directory) {
        this.directory = directory;
    }

    /** The config with the filter that was kept for its profile, or as it is. */
    public BundleConfig apply(BundleConfig config, RuntimeProgram program) {
        try {
            Optional<Path> kept = place(config, program).filter(Files::exists);
            return kept.isEmpty() ? config : withFilter(config, Files.readAllBytes(kept.get()));
        } catch (IOException e) {
            LOG.warn("a kept seccomp filter cannot be used", e);
            return config;
        }
    }

    private static BundleConfig withFilter(BundleConfig config, byte[] filter) {
        return isFilter(filter.length)
                ? config.withAnnotation(ANNOTATION, Base64.getEncoder().encodeToString(filter))
                : config;
    }

    private static boolean isFilter(long bytes) {
        return bytes > 0 && bytes <= MAX_BYTES && bytes % INSTRUCTION_BYTES == 0;
    }

    /** Keeps the filter that crun has made for a container. */
    public void keep(BundleConfig config, RuntimeProgram program, Path stateOfContainer) {
        try {
            Optional<Path> place = place(config, program);
            Path made = stateOfContainer.resolve(FILTER);
            if (place.isEmpty() || Files.exists(place.get()) || !Files.exists(made) || !isFilter(Files.size(made))) {
                return;
            }
            Files.createDirectories(directory);
            if (isFull()) {
                return;
            }
            Path fresh = Files.createTempFile(directory, "new", "");
            Files.copy(made, fresh, StandardCopyOption.REPLACE_EXISTING);
            Files.move(fresh, place.get(), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            LOG.warn("a seccomp filter cannot be kept", e);
        }
    }

    private boolean isFull() throws IOException {
        try (Stream<Path> kept = Files.list(directory)) {
            return kept.count() >= MAX_FILTERS;
        }
    }

    /** Empty if there is no profile, or one whose filter is more than a filter. */
    private Optional<Path> place(BundleConfig config, RuntimeProgram program) throws IOException {
        Optional<String> profile = config.seccomp();
        if (profile.isEmpty() || profile.get().contains("\"listenerPath\"")) {
            return Optional.empty();
        }
        FileTime built = Files.getLastModifiedTime(program.path());
        String key = program.path() + "\0" + program.version() + "\0" + built + "\0" + profile.get();
        return Optional.of(directory.resolve(hash(key)));
    }

    private static String hash(String text) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}

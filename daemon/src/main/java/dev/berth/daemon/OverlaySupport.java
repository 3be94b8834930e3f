package dev.berth.daemon;

import dev.berth.linux.Dir;
import dev.berth.linux.Mounts;
import dev.berth.linux.OverlayMount;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Whether overlay works on a file system: found out by doing it once, detached, so that nothing is seen of it. */
final class OverlaySupport {
    private static final Logger LOG = LoggerFactory.getLogger(OverlaySupport.class);

    private OverlaySupport() {}

    static boolean of(Path directory) throws IOException {
        Path folder = Files.createTempDirectory(directory, "overlay-probe");
        Path lower = Files.createDirectory(folder.resolve("lower"));
        Path upper = Files.createDirectory(folder.resolve("upper"));
        Path work = Files.createDirectory(folder.resolve("work"));
        try (var probe = Mounts.overlay(
                new OverlayMount(List.of(lower), new OverlayMount.Upper(upper, work), List.of("volatile")))) {
            return !probe.fd().isClosed();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } catch (IOException e) {
            LOG.warn("overlay does not work on {} ({}); layers are copied instead", directory, e.getMessage());
            return false;
        } finally {
            remove(folder);
        }
    }

    /** The kernel leaves a folder in the scratch directory that is not ours to name. */
    private static void remove(Path folder) throws IOException {
        try (Dir parent = Dir.open(Objects.requireNonNull(folder.getParent()))) {
            parent.removeTree(String.valueOf(folder.getFileName()).getBytes(StandardCharsets.UTF_8));
        }
    }
}

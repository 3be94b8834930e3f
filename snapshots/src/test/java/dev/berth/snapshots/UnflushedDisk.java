package dev.berth.snapshots;

import dev.berth.kernel.Disk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** A disk for tests that make many small trees and pull no plug. */
final class UnflushedDisk implements Disk {
    @Override
    public void replace(Path target, byte[] bytes) throws IOException {
        Files.write(target, bytes);
    }

    @Override
    public void sync(Path file) {
        // Nothing is lost here.
    }

    @Override
    public void syncDirectory(Path directory) {
        // Nothing is lost here.
    }

    @Override
    public void syncFilesystem(Path anywhereOnIt) {
        // Nothing is lost here.
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
    }

    @Override
    public void remove(Path path) throws IOException {
        Files.deleteIfExists(path);
    }
}

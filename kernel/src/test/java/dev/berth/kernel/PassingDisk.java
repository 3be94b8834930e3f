package dev.berth.kernel;

import java.io.IOException;
import java.nio.file.Path;

/** A disk that passes everything on to another one, for tests that change or note some of it. */
public abstract class PassingDisk implements Disk {
    private final Disk below;

    protected PassingDisk(Disk below) {
        this.below = below;
    }

    @Override
    public void replace(Path target, byte[] bytes) throws IOException {
        below.replace(target, bytes);
    }

    @Override
    public void beginSync(Path file) {
        below.beginSync(file);
    }

    @Override
    public void sync(Path file) throws IOException {
        below.sync(file);
    }

    @Override
    public void syncDirectory(Path directory) throws IOException {
        below.syncDirectory(directory);
    }

    @Override
    public void syncFilesystem(Path anywhereOnIt) throws IOException {
        below.syncFilesystem(anywhereOnIt);
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        below.rename(from, to);
    }

    @Override
    public void move(Path from, Path to) throws IOException {
        below.move(from, to);
    }

    @Override
    public void remove(Path path) throws IOException {
        below.remove(path);
    }
}

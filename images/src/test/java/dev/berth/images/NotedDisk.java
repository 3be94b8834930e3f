package dev.berth.images;

import dev.berth.kernel.Disk;
import dev.berth.linux.LinuxDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A disk that notes in which order files are synced and removed. */
final class NotedDisk implements Disk {
    private final Disk disk = new LinuxDisk();
    private final List<String> noted = new CopyOnWriteArrayList<>();

    /** What was done since the last time. */
    List<String> noted() {
        List<String> all = List.copyOf(noted);
        noted.clear();
        return all;
    }

    @Override
    public void replace(Path target, byte[] bytes) throws IOException {
        disk.replace(target, bytes);
    }

    @Override
    public void sync(Path file) throws IOException {
        disk.sync(file);
        noted.add("sync in " + parent(file));
    }

    @Override
    public void syncDirectory(Path directory) throws IOException {
        disk.syncDirectory(directory);
    }

    @Override
    public void syncFilesystem(Path anywhereOnIt) throws IOException {
        disk.syncFilesystem(anywhereOnIt);
    }

    @Override
    public void rename(Path from, Path to) throws IOException {
        disk.rename(from, to);
    }

    @Override
    public void move(Path from, Path to) throws IOException {
        disk.move(from, to);
    }

    @Override
    public void remove(Path path) throws IOException {
        noted.add("remove in " + parent(path));
        disk.remove(path);
    }

    private static String parent(Path path) {
        return path.getName(path.getNameCount() - 2).toString();
    }
}

package dev.berth.images;

import dev.berth.kernel.PassingDisk;
import dev.berth.linux.LinuxDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A disk that notes in which order files are synced and removed. */
final class NotedDisk extends PassingDisk {
    private final List<String> noted = new CopyOnWriteArrayList<>();

    NotedDisk() {
        super(new LinuxDisk());
    }

    /** What was done since the last time. */
    List<String> noted() {
        List<String> all = List.copyOf(noted);
        noted.clear();
        return all;
    }

    @Override
    public void sync(Path file) throws IOException {
        super.sync(file);
        noted.add("sync in " + parent(file));
    }

    @Override
    public void remove(Path path) throws IOException {
        noted.add("remove in " + parent(path));
        super.remove(path);
    }

    private static String parent(Path path) {
        return path.getName(path.getNameCount() - 2).toString();
    }
}

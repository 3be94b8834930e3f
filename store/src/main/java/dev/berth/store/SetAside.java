package dev.berth.store;

import dev.berth.kernel.Disk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;

/** Databases that could not be used any more: moved out of the way, never deleted. */
final class SetAside {
    private static final String PREFIX = "set-aside-";

    private SetAside() {}

    /** Moves the database and returns where it lies now. */
    static Path move(Layout layout, Disk disk, InstantSource clock) throws IOException {
        Path aside = layout.meta().resolve(PREFIX + clock.instant().toEpochMilli());
        Layout.makePrivate(aside);
        // The log first: left behind, it would be taken for the new database's.
        for (String suffix : List.of("-wal", "-shm", "")) {
            Path file = layout.meta().resolve(layout.database().getFileName() + suffix);
            if (Files.exists(file)) {
                disk.rename(file, aside.resolve(String.valueOf(file.getFileName())));
            }
        }
        return aside;
    }

    /** Where such databases lie. */
    static List<Path> list(Layout layout) {
        return BlobFiles.entries(layout.meta()).stream()
                .filter(path -> String.valueOf(path.getFileName()).startsWith(PREFIX))
                .sorted()
                .toList();
    }
}

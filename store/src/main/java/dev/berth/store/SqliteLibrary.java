package dev.berth.store;

import dev.berth.kernel.Disk;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.sqlite.SQLiteJDBCLoader;
import org.sqlite.util.LibraryLoaderUtil;

/**
 * SQLite's native library, kept beside the database. Left to itself the driver unpacks it to /tmp at every start, and leaves
 * it there when the process is killed.
 */
final class SqliteLibrary {
    private static final String PATH = "org.sqlite.lib.path";
    private static final String NAME = "org.sqlite.lib.name";

    private SqliteLibrary() {}

    /** Unpacks it, if it is not there yet, and tells the driver; does nothing if somebody has told the driver already. */
    static synchronized void provide(Path directory, Disk disk) throws IOException {
        if (System.getProperty(PATH) != null) {
            return;
        }
        Path library = directory.resolve("sqlite-" + SQLiteJDBCLoader.getVersion() + ".so");
        if (!Files.exists(library) && !unpack(directory, library, disk)) {
            return; // a platform that the driver has no library for: its own message says so
        }
        System.setProperty(PATH, directory.toString());
        System.setProperty(NAME, library.getFileName().toString());
    }

    private static boolean unpack(Path directory, Path library, Disk disk) throws IOException {
        String resource =
                "/" + LibraryLoaderUtil.getNativeLibResourcePath() + "/" + LibraryLoaderUtil.getNativeLibName();
        try (InputStream packed = SQLiteJDBCLoader.class.getResourceAsStream(resource)) {
            if (packed == null) {
                return false;
            }
            removeOthers(directory, disk);
            disk.replace(library, packed.readAllBytes());
            return true;
        }
    }

    private static void removeOthers(Path directory, Disk disk) throws IOException {
        for (Path file : BlobFiles.entries(directory)) {
            String name = file.getFileName().toString();
            if (name.startsWith("sqlite-") && name.endsWith(".so")) {
                disk.remove(file);
            }
        }
    }
}

package dev.berth.kernel;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Changes of the file system that must survive a pulled plug. Reading and scratch writing go straight to the file system;
 * what is renamed, synced or removed on purpose goes through here, so that a test can fail it at every step.
 *
 * <p>After a method returns, its change survives a power loss, except where it says otherwise. Every method may be
 * repeated.
 */
public interface Disk {
    /** A file system, watched from one moment on. */
    interface Volume extends AutoCloseable {
        /**
         * Flushes the whole file system.
         *
         * @throws IOException also if something that was written since this was opened, or since its last sync, was lost and
         *     somebody else has been told
         */
        void sync() throws IOException;

        @Override
        void close();
    }

    /**
     * Replaces a file's content at once: a reader sees the old bytes or the new ones, also after a crash.
     *
     * @param target the file; its directory exists; its mode becomes 0600
     */
    void replace(Path target, byte[] bytes) throws IOException;

    /**
     * Has the disk begin with what was written to a file, so that a later sync finds less to wait for. Promises nothing: a disk
     * may ignore it. Waits only while the disk has more to do than it can queue; for platform threads.
     */
    default void beginSync(Path file) {}

    /** Flushes a file's data and length. */
    void sync(Path file) throws IOException;

    /** Flushes a directory's entries. */
    void syncDirectory(Path directory) throws IOException;

    /** Flushes the whole file system that holds the path (one call instead of one for each file). */
    void syncFilesystem(Path anywhereOnIt) throws IOException;

    /**
     * Watches the file system that holds the path. To be opened before something is written there that several may sync: of what
     * it has lost, the kernel tells those who are there already, and who comes after one of them was told hears nothing.
     */
    default Volume volume(Path anywhereOnIt) throws IOException {
        return new Volume() {
            @Override
            public void sync() throws IOException {
                syncFilesystem(anywhereOnIt);
            }

            @Override
            public void close() {
                // Nothing is open.
            }
        };
    }

    /**
     * Moves within one file system, replacing a file that is there, and flushes both directories. The file's own data must
     * have been synced before.
     */
    void rename(Path from, Path to) throws IOException;

    /**
     * Moves within one file system, replacing a file that is there. Flushed with the next sync of both directories, or of the
     * file system: many files can be published with one sync. The files' own data must have been synced before.
     */
    default void move(Path from, Path to) throws IOException {
        rename(from, to);
    }

    /** Removes a file or an empty directory; does nothing if there is none. Flushed with the next sync of its directory. */
    void remove(Path path) throws IOException;
}

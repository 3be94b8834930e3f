package dev.berth.snapshots;

import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Platform;
import dev.berth.store.SnapshotRecord.Usage;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.TreeSet;

/** The directories of one snapshotter, by number. Long work leaves a virtual thread for a platform thread. */
final class SnapshotFiles {
    private static final Set<PosixFilePermission> PRIVATE = PosixFilePermissions.fromString("rwx------");
    private static final byte[] FS = bytes("fs");
    private static final byte[] WORK = bytes("work");

    private final Path directory;

    SnapshotFiles(Path directory) throws IOException {
        this.directory = directory;
        Files.createDirectories(directory, PosixFilePermissions.asFileAttribute(PRIVATE));
        Files.setPosixFilePermissions(directory, PRIVATE);
    }

    Path directory() {
        return directory;
    }

    /** Where a snapshot's own files are. */
    Path fs(long number) {
        return directory.resolve(Long.toString(number)).resolve("fs");
    }

    Path work(long number) {
        return directory.resolve(Long.toString(number)).resolve("work");
    }

    /** Makes an empty snapshot directory. */
    void make(long number, boolean withWork) throws IOException {
        byte[] name = bytes(Long.toString(number));
        try (Dir all = Dir.open(directory)) {
            all.mkdir(name, 0700);
            try (Dir own = all.openDir(name, Dir.Resolve.NO_LINKS)) {
                own.mkdir(FS, 0755);
                own.chmod(FS, 0755);
                if (withWork) {
                    own.mkdir(WORK, 0711);
                }
            }
        }
    }

    /** Moves snapshots in here that are still in another directory, on the same file system. */
    void takeOver(Path former, Set<Long> some) throws IOException {
        for (long number : some) {
            Path there = former.resolve(Long.toString(number));
            Path here = directory.resolve(Long.toString(number));
            if (Files.isDirectory(there) && Files.notExists(here)) {
                Files.move(there, here, StandardCopyOption.ATOMIC_MOVE);
            }
        }
    }

    /** Removes a snapshot's directory; does nothing if there is none. */
    void remove(long number) throws IOException {
        longWork("remove-snapshot", () -> {
            try (Dir all = Dir.open(directory)) {
                all.removeTree(bytes(Long.toString(number)));
            }
            return true;
        });
    }

    /** Removes what only an active snapshot needs. */
    void removeWork(long number) throws IOException {
        try (Dir all = Dir.open(directory);
                Dir own = all.openDir(bytes(Long.toString(number)), Dir.Resolve.NO_LINKS)) {
            own.removeTree(WORK);
        }
    }

    Dir open(long number) throws IOException {
        return Dir.open(fs(number));
    }

    Usage usage(long number) throws IOException {
        return longWork("count-snapshot", () -> {
            try (Dir fs = open(number)) {
                return TreeUsage.of(fs);
            } catch (LinuxException e) {
                if (e.is(Errno.ENOENT)) {
                    return Usage.ZERO;
                }
                throw e;
            }
        });
    }

    /** The numbers of the directories that are there. */
    Set<Long> numbers() throws IOException {
        Set<Long> numbers = new TreeSet<>();
        try (Dir all = Dir.open(directory)) {
            all.forEach(entry -> {
                String name = new String(entry.name(), StandardCharsets.ISO_8859_1);
                if (name.length() <= 18 && name.chars().allMatch(c -> c >= '0' && c <= '9')) {
                    numbers.add(Long.parseLong(name));
                }
            });
        }
        return numbers;
    }

    static <T> T longWork(String thread, Platform.Call<T, IOException> work) throws IOException {
        try {
            return Platform.<T, IOException>call(thread, work);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted").initCause(e);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}

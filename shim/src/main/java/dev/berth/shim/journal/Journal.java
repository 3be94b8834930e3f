package dev.berth.shim.journal;

import dev.berth.kernel.Disk;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A map of names to JSON texts that survives the death of its process.
 *
 * <p>Each write appends one line, {@code checksum TAB name TAB text TAB name TAB text ...}; an empty text removes the name. A
 * line that was cut off by a crash is dropped when the file is opened. The file lives as long as the tasks do, so it is not
 * flushed to disk: a power loss ends the tasks as well.
 */
public final class Journal implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Journal.class);

    /** The file is rewritten when it is larger than this and mostly holds what is overwritten. */
    private static final long COMPACT_ABOVE_BYTES = 1 << 20;

    /** One name and its new text, or null to remove it. */
    public record Change(String name, @Nullable String json) {
        public Change {
            if (name.isEmpty() || isSplit(name)) {
                throw new IllegalArgumentException("not a name for a journal: \"" + name + "\"");
            }
            if (json != null && (json.isEmpty() || isSplit(json))) {
                throw new IllegalArgumentException("not one line of JSON: " + json);
            }
        }

        /** Whether it holds what a line is divided by. */
        private static boolean isSplit(String text) {
            return text.indexOf('\n') >= 0 || text.indexOf('\t') >= 0;
        }

        public static Change put(String name, String json) {
            return new Change(name, json);
        }

        public static Change remove(String name) {
            return new Change(name, null);
        }
    }

    private final Path file;
    private final Disk disk;
    private final ReentrantLock lock = new ReentrantLock();
    private final TreeMap<String, String> live = new TreeMap<>();

    /** Not a channel: that would be closed for all by the first interrupt of a thread that writes. */
    private RandomAccessFile open;

    private long length;
    private long liveBytes;
    private long compactAbove = COMPACT_ABOVE_BYTES;

    private Journal(Path file, Disk disk, RandomAccessFile open) {
        this.file = file;
        this.disk = disk;
        this.open = open;
    }

    /** Opens the file, makes it if there is none, and reads what it holds. */
    public static Journal open(Path file, Disk disk) throws IOException {
        Journal journal = new Journal(file, disk, open(file));
        journal.replay(Files.readAllBytes(file));
        return journal;
    }

    private static RandomAccessFile open(Path file) throws IOException {
        if (!Files.exists(file)) {
            Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        }
        return new RandomAccessFile(file.toFile(), "rw");
    }

    /** The text of a name. */
    public Optional<String> get(String name) {
        lock.lock();
        try {
            return Optional.ofNullable(live.get(name));
        } finally {
            lock.unlock();
        }
    }

    /** A copy of all names that begin so, in order. */
    public SortedMap<String, String> all(String prefix) {
        lock.lock();
        try {
            return new TreeMap<>(live.subMap(prefix, prefix + Character.MAX_VALUE));
        } finally {
            lock.unlock();
        }
    }

    /**
     * Makes all changes at once.
     *
     * @throws IOException if nothing was changed, as on a full disk
     */
    public void write(List<Change> changes) throws IOException {
        byte[] line = line(changes);
        lock.lock();
        try {
            append(line);
            changes.forEach(this::apply);
            if (length > compactAbove && length > 4 * liveBytes) {
                tryCompact();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Makes one change. */
    public void write(Change change) throws IOException {
        write(List.of(change));
    }

    @Override
    public void close() throws IOException {
        lock.lock();
        try {
            open.close();
        } finally {
            lock.unlock();
        }
    }

    private void append(byte[] line) throws IOException {
        try {
            open.seek(length);
            open.write(line);
            length += line.length;
        } catch (IOException e) {
            cutOff(length, e);
            throw e;
        }
    }

    private void cutOff(long size, IOException reason) {
        try {
            open.setLength(size);
        } catch (IOException e) {
            reason.addSuppressed(e);
        }
    }

    private void apply(Change change) {
        String before = change.json() == null ? live.remove(change.name()) : live.put(change.name(), change.json());
        liveBytes += size(change.name(), change.json()) - size(change.name(), before);
    }

    private static long size(String name, @Nullable String json) {
        return json == null ? 0 : name.length() + json.length() + 12;
    }

    /** The changes are in the file by now: whoever made them must not be told that they failed. */
    private void tryCompact() {
        try {
            compact();
            compactAbove = COMPACT_ABOVE_BYTES;
        } catch (IOException e) {
            compactAbove = length + COMPACT_ABOVE_BYTES; // not at every write, on a disk that is full
            LOG.warn("{} has {} bytes and cannot be written anew: it goes on as it is", file, length, e);
        }
    }

    /** The new file is open before it gets the name: what is written later never goes to a file without one. */
    private void compact() throws IOException {
        List<Change> all = new ArrayList<>();
        live.forEach((name, json) -> all.add(Change.put(name, json)));
        byte[] line = all.isEmpty() ? new byte[0] : line(all);
        Path next = file.resolveSibling(file.getFileName() + ".compact");
        disk.replace(next, line);
        RandomAccessFile fresh = new RandomAccessFile(next.toFile(), "rw");
        try {
            disk.rename(next, file);
        } catch (IOException e) {
            if (Files.exists(next)) {
                fresh.close();
                throw e;
            }
            LOG.warn("{} was written anew, but that may not outlive a power loss", file, e);
        }
        RandomAccessFile old = open;
        open = fresh;
        length = line.length;
        old.close();
    }

    private void replay(byte[] bytes) throws IOException {
        int from = 0;
        for (int at = 0; at < bytes.length; at++) {
            if (bytes[at] == '\n') {
                List<Change> changes = parse(bytes, from, at);
                if (changes.isEmpty()) {
                    break; // what follows was written after a crash had cut this line, or is not ours
                }
                changes.forEach(this::apply);
                from = at + 1;
            }
        }
        length = from;
        if (from < bytes.length) {
            open.setLength(from);
        }
    }

    private static byte[] line(List<Change> changes) {
        StringBuilder text = new StringBuilder();
        for (Change change : changes) {
            text.append('\t').append(change.name()).append('\t');
            if (change.json() != null) {
                text.append(change.json());
            }
        }
        return (checksum(text.toString()) + text + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** The changes of a line; none if the line is damaged. */
    private static List<Change> parse(byte[] bytes, int from, int to) {
        String line = new String(bytes, from, to - from, StandardCharsets.UTF_8);
        int tab = line.indexOf('\t');
        if (tab != 8 || !line.substring(0, tab).equals(checksum(line.substring(tab)))) {
            return List.of();
        }
        String[] parts = line.substring(tab + 1).split("\t", -1);
        List<Change> changes = new ArrayList<>(parts.length / 2);
        for (int i = 0; i + 1 < parts.length; i += 2) {
            changes.add(new Change(parts[i], parts[i + 1].isEmpty() ? null : parts[i + 1]));
        }
        return changes;
    }

    private static String checksum(String text) {
        CRC32 crc = new CRC32();
        crc.update(text.getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().toHexDigits((int) crc.getValue());
    }
}

package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import dev.berth.oci.Digest;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of committed blobs. A blob is first in the directory of its ingest, then, flushed, in {@code blobs/}: so what is
 * in {@code blobs/} was on disk before it got its name, and the rest is an unfinished ingest to the next process.
 */
final class BlobFiles {
    private static final Logger LOG = LoggerFactory.getLogger(BlobFiles.class);

    /** Up to as many blobs are synced one by one; for more, one sync of the file system is cheaper. */
    private static final int FEW = 2;

    private static final Set<PosixFilePermission> READ_ONLY = PosixFilePermissions.fromString("r--r--r--");

    private final Layout layout;
    private final Disk disk;
    private final Disk.Volume volume;

    /** Guards the map and the total; held briefly. */
    private final ReentrantLock lock = new ReentrantLock();

    /** Held while a blob comes or goes, briefly; taken before {@link #lock}. */
    private final ReentrantLock moving = new ReentrantLock();

    /** Held while blobs are flushed, for as long as the disk takes; taken before {@link #moving}. */
    private final ReentrantLock flushing = new ReentrantLock();

    private final Map<Digest, IngestFiles> unflushed = new LinkedHashMap<>();
    private Blobs.@Nullable Usage usage;

    BlobFiles(Layout layout, Disk disk) throws IOException {
        this.layout = layout;
        this.disk = disk;
        this.volume = disk.volume(layout.root());
    }

    void close() {
        volume.close();
    }

    Optional<Blob> find(Digest digest) {
        for (Path path : places(digest)) {
            Optional<Blob> info = info(digest, path);
            if (info.isPresent()) {
                return info;
            }
        }
        return Optional.empty();
    }

    Optional<Blobs.Reader> open(Digest digest) {
        for (Path path : places(digest)) {
            try {
                FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
                var storedAt = Files.getLastModifiedTime(path).toInstant();
                return Optional.of(new Blobs.Reader(new Blob(digest, channel.size(), storedAt), channel));
            } catch (NoSuchFileException e) {
                LOG.trace("not in {}: a flush moves it from the first place to the second", path);
            } catch (IOException e) {
                throw DiskFault.of("open blob " + digest, e);
            }
        }
        return Optional.empty();
    }

    List<Blob> list() {
        Map<Digest, Blob> found = new HashMap<>();
        for (Digest digest : unflushedBatch().keySet()) {
            find(digest).ifPresent(info -> found.put(digest, info));
        }
        for (Path directory : layout.blobDirectories()) {
            for (Path file : entries(directory)) {
                digest(file)
                        .flatMap(digest -> info(digest, file))
                        .ifPresent(info -> found.putIfAbsent(info.digest(), info));
            }
        }
        return List.copyOf(found.values());
    }

    Blobs.Usage usage() {
        moving.lock(); // nothing comes or goes between counting and keeping
        try {
            Blobs.Usage known = usage;
            if (known == null) {
                List<Blob> all = list();
                known = new Blobs.Usage(
                        all.size(), all.stream().mapToLong(Blob::size).sum());
                usage = known;
            }
            return known;
        } finally {
            moving.unlock();
        }
    }

    /** Takes over what an ingest has brought, unless the blob is there: then that one is returned. */
    Optional<Blob> add(Digest digest, IngestFiles files) throws IOException {
        moving.lock();
        try {
            Optional<Blob> there = find(digest);
            if (there.isEmpty()) {
                long size = Files.size(files.data()); // fails before anything relies on the file, if it does
                lock.lock();
                try {
                    unflushed.put(digest, files);
                } finally {
                    lock.unlock();
                }
                count(1, size);
            }
            return there;
        } finally {
            moving.unlock();
        }
    }

    /** Whether the directory of this ingest holds a blob that waits for its flush. */
    boolean isUnflushed(String ref) {
        return unflushedBatch().values().stream().anyMatch(files -> files.ref().equals(ref));
    }

    /** Takes the name away; the kernel gives the room back when the file is closed, and that nobody waits for with a lock. */
    boolean delete(Digest digest) throws IOException {
        if (unflushedBatch().containsKey(digest)) {
            return deleteUnflushed(digest);
        }
        Optional<Blobs.Reader> there = open(digest);
        if (there.isEmpty()) {
            return false;
        }
        try (Blobs.Reader _ = there.get()) {
            moving.lock();
            try {
                return removeFile(digest);
            } finally {
                moving.unlock();
            }
        }
    }

    /** A flush under way would not know what to do with a file that has gone. */
    private boolean deleteUnflushed(Digest digest) throws IOException {
        flushing.lock();
        moving.lock();
        try {
            IngestFiles files = unflushedBatch().get(digest);
            if (files == null) {
                return removeFile(digest);
            }
            long size = Files.exists(files.data()) ? Files.size(files.data()) : 0;
            forget(Set.of(digest));
            files.remove(disk);
            count(-1, -size);
            removeFile(digest);
            return true;
        } finally {
            moving.unlock();
            flushing.unlock();
        }
    }

    private boolean removeFile(Digest digest) throws IOException {
        Optional<Blob> there = info(digest, layout.blob(digest));
        if (there.isPresent()) {
            disk.remove(layout.blob(digest));
            count(-1, -there.get().size());
        }
        return there.isPresent();
    }

    /** @param filesystem whether to sync the whole file system, even if there is no blob to flush */
    void flush(boolean filesystem) {
        flushing.lock();
        try {
            Map<Digest, IngestFiles> batch = unflushedBatch();
            if (filesystem || !batch.isEmpty()) {
                sync(batch, filesystem || batch.size() > FEW);
                publish(batch);
            }
        } finally {
            flushing.unlock();
        }
    }

    private void sync(Map<Digest, IngestFiles> batch, boolean filesystem) {
        try {
            for (IngestFiles files : batch.values()) {
                if (Files.exists(files.data())) {
                    Files.setPosixFilePermissions(files.data(), READ_ONLY);
                }
            }
            if (filesystem) {
                volume.sync();
            } else {
                for (IngestFiles files : batch.values()) {
                    disk.sync(files.data());
                }
            }
        } catch (IOException e) {
            // The kernel tells a failed write once and may have thrown the bytes away: they cannot be trusted any more.
            Fault fault = DiskFault.of("flush " + batch.size() + " blobs", e);
            moving.lock();
            try {
                usage = null;
                forget(batch.keySet());
                throw discard(batch, fault);
            } finally {
                moving.unlock();
            }
        }
    }

    private Fault discard(Map<Digest, IngestFiles> batch, Fault reason) {
        for (IngestFiles files : batch.values()) {
            try {
                files.remove(disk);
            } catch (IOException e) {
                reason.addSuppressed(e);
            }
        }
        return reason;
    }

    /** Gives synced files their names. May be repeated after a failure: what has moved already is left where it is. */
    private void publish(Map<Digest, IngestFiles> batch) {
        try {
            for (var blob : batch.entrySet()) {
                Path data = blob.getValue().data();
                if (Files.exists(data)) {
                    disk.move(data, layout.blob(blob.getKey()));
                }
            }
            for (Path directory : layout.blobDirectories()) {
                if (batch.keySet().stream()
                        .anyMatch(digest -> directory.equals(layout.blob(digest).getParent()))) {
                    disk.syncDirectory(directory);
                }
            }
            forget(batch.keySet());
            for (IngestFiles files : batch.values()) {
                files.remove(disk);
            }
        } catch (IOException e) {
            throw DiskFault.of("publish " + batch.size() + " blobs", e);
        }
    }

    private Map<Digest, IngestFiles> unflushedBatch() {
        lock.lock();
        try {
            return new LinkedHashMap<>(unflushed);
        } finally {
            lock.unlock();
        }
    }

    private void forget(Set<Digest> digests) {
        lock.lock();
        try {
            unflushed.keySet().removeAll(digests);
        } finally {
            lock.unlock();
        }
    }

    /** Where the blob may be, in the order in which it moves. */
    private List<Path> places(Digest digest) {
        lock.lock();
        try {
            IngestFiles files = unflushed.get(digest);
            return files == null ? List.of(layout.blob(digest)) : List.of(files.data(), layout.blob(digest));
        } finally {
            lock.unlock();
        }
    }

    private void count(long blobs, long bytes) {
        Blobs.Usage known = usage;
        if (known != null) {
            usage = new Blobs.Usage(known.blobs() + blobs, known.bytes() + bytes);
        }
    }

    private static Optional<Blob> info(Digest digest, Path path) {
        try {
            var attributes = Files.readAttributes(path, BasicFileAttributes.class);
            return Optional.of(new Blob(
                    digest, attributes.size(), attributes.lastModifiedTime().toInstant()));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw DiskFault.of("look at blob " + digest, e);
        }
    }

    /** The digest that a file in {@code blobs/} is named after; empty for a file that is none of ours. */
    static Optional<Digest> digest(Path file) {
        Path directory = file.getParent();
        try {
            return directory == null
                    ? Optional.empty()
                    : Optional.of(
                            new Digest(String.valueOf(directory.getFileName()), String.valueOf(file.getFileName())));
        } catch (Fault e) {
            return Optional.empty();
        }
    }

    static List<Path> entries(Path directory) {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            entries.forEach(found::add);
            return found;
        } catch (IOException e) {
            throw DiskFault.of("list " + directory, e);
        }
    }
}

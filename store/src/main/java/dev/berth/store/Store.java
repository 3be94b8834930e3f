package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Everything that Berth keeps on disk: blobs and records, beneath one root that one process owns. */
public final class Store implements AutoCloseable {
    /**
     * Something that a check has found.
     *
     * @param kind {@code database}, {@code record}, {@code blob}, {@code file} or {@code note}; a note is no reason for concern
     * @param what the thing, as in {@code blob sha256:…}
     * @param why what is wrong with it
     * @param remedy what puts it right
     * @param repaired whether that was done
     */
    public record Finding(String kind, String what, String why, String remedy, boolean repaired) {}

    private static final Logger LOG = LoggerFactory.getLogger(Store.class);

    private final RootLock lock;
    private final Blobs blobs;
    private final Metadata metadata;
    private final Check check;

    private Store(RootLock lock, Blobs blobs, Metadata metadata, Check check) {
        this.lock = lock;
        this.blobs = blobs;
        this.metadata = metadata;
        this.check = check;
    }

    /**
     * Opens the store, and makes it if there is none. A database that is damaged beyond opening is set aside, with a message in
     * the log, and a new one begins.
     *
     * @param root made with mode 0700 if it does not exist
     * @param clock for the times in records
     * @throws Fault FAILED_PRECONDITION if another process uses the root, or a newer Berth has written it; RESOURCE_EXHAUSTED
     *     if the disk is full; UNAVAILABLE if it cannot be read or written
     */
    public static Store open(Path root, Disk disk, InstantSource clock) {
        Layout layout = new Layout(root);
        try (Rollback undo = new Rollback()) {
            layout.create(disk);
            RootLock lock = RootLock.take(layout.lock());
            undo.add("lock of " + root, lock::close);
            Reserve reserve = new Reserve(layout.reserve());
            reserve.spend();
            Metadata metadata = openMetadata(layout, disk, clock);
            undo.add("database of " + root, metadata::close);
            reserve.keep();
            Blobs blobs = new Blobs(layout, disk, clock);
            undo.add("blobs of " + root, blobs::close);
            IngestFiles.sweep(layout, disk);
            undo.commit();
            return new Store(lock, blobs, metadata, new Check(layout, disk, blobs, metadata));
        } catch (IOException e) {
            throw DiskFault.of("open the store in " + root, e);
        }
    }

    public Blobs blobs() {
        return blobs;
    }

    public Metadata metadata() {
        return metadata;
    }

    /**
     * Makes everything survive a power loss that was written beneath the root before this call: blobs, and the files of others
     * on the same file system.
     *
     * @throws Fault as {@link Blobs#flush()}
     */
    public void flush() {
        blobs.flushFilesystem();
    }

    /** Ends after the transactions under way, and frees the root. */
    @Override
    public void close() {
        metadata.close();
        blobs.close();
        lock.close();
    }

    /**
     * Looks for contradictions between records and files, and for damage of the database, while the store is in use.
     *
     * @param thorough whether every blob is read and hashed: as slow as the disk
     */
    public List<Finding> check(boolean thorough) {
        return check.run(thorough).stream().map(Problem::finding).toList();
    }

    /**
     * Looks for the same, and puts right what can be: of a damaged database it saves what can be read and sets the file aside; a
     * record without its blob goes, and so does a blob of other bytes than its name says.
     *
     * @throws Fault as {@link #open}; the root must not be in use
     */
    public static List<Finding> repair(Path root, Disk disk, InstantSource clock, boolean thorough) {
        List<Finding> findings = new ArrayList<>(DatabaseRepair.run(root, disk, clock));
        try (Store store = open(root, disk, clock)) {
            List<Problem> problems = store.check.run(thorough);
            while (problems.stream().anyMatch(problem -> problem.repair() != null)) {
                findings.addAll(Check.repair(problems));
                problems = store.check.run(false); // what was removed may have been needed by something else
            }
            problems.forEach(problem -> findings.add(problem.finding()));
        }
        return findings;
    }

    private static Metadata openMetadata(Layout layout, Disk disk, InstantSource clock) throws IOException {
        SqliteLibrary.provide(layout.meta(), disk);
        Database database = new Database(layout.database());
        try {
            try {
                return Metadata.open(database, disk, clock);
            } catch (SQLException e) {
                if (!SqliteFault.isDamage(e)) {
                    throw e;
                }
                LOG.error(
                        "The metadata database is damaged ({}). It lies in {} now, and an empty one takes its place: images"
                                + " must be pulled again, and pods of before are unknown",
                        e.getMessage(),
                        SetAside.move(layout, disk, clock));
                Metadata fresh = Metadata.open(database, disk, clock);
                fresh.apply(Durability.POWER, records -> records.snapshots().skipOldNumbers());
                return fresh;
            }
        } catch (SQLException e) {
            throw SqliteFault.of("open the metadata database " + database.file(), e);
        }
    }
}

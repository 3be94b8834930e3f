package dev.berth.store;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.sqlite.JDBC;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteOpenMode;

/** The database file and how connections to it are set. */
final class Database {
    private static final Logger LOG = LoggerFactory.getLogger(Database.class);

    /** KiB of page cache: the writer's, and each of the others'. Pages beyond come from the kernel's cache. */
    private static final int WRITER_CACHE_KIB = 1024;

    private static final int READER_CACHE_KIB = 256;

    /** The log is never shorter, and cut back to this after it has grown. */
    private static final int LOG_LIMIT_BYTES = 4 << 20;

    private static final int BUSY_MILLIS = 10_000;
    private static final int STEP_BYTES = 1 << 16;

    private final Path file;

    Database(Path file) {
        this.file = file;
    }

    Path file() {
        return file;
    }

    /** The write-ahead log: a commit is on disk when this file is. */
    Path log() {
        return file.resolveSibling(file.getFileName() + "-wal");
    }

    /** What SQLite knows about the log, see {@link LogIndex}. */
    Path logIndex() {
        return file.resolveSibling(file.getFileName() + "-shm");
    }

    /** Opens the connection that writes, and takes the tables to their newest version. */
    Connection openWriter(Schema schema) throws SQLException {
        createFile();
        Connection connection = connect(WRITER_CACHE_KIB, SQLiteOpenMode.CREATE);
        try (Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA journal_mode = WAL");
            statement.execute("PRAGMA foreign_keys = ON");
            // Commits are flushed by the one who wants POWER (Syncer), and the log is folded in beside the writer.
            statement.execute("PRAGMA synchronous = NORMAL");
            statement.execute("PRAGMA wal_autocheckpoint = 0");
            statement.execute("PRAGMA journal_size_limit = " + LOG_LIMIT_BYTES);
            schema.migrate(connection);
            Fresh.prepare(statement);
            return connection;
        } catch (SQLException | RuntimeException e) {
            connection.close();
            throw e;
        }
    }

    /**
     * Takes the room of the log in advance: what is stopped and removed can be noted also on a full disk, and so makes room again. To
     * SQLite zeros are the end of the log; it writes over them, and never cuts them off.
     */
    void reserveLog() {
        try (FileChannel log = FileChannel.open(log(), StandardOpenOption.WRITE)) {
            for (long at = log.size(); at < LOG_LIMIT_BYTES; at += STEP_BYTES) {
                ByteBuffer zeros = ByteBuffer.allocate((int) Math.min(STEP_BYTES, LOG_LIMIT_BYTES - at));
                while (zeros.hasRemaining()) {
                    log.write(zeros, at + zeros.position());
                }
            }
        } catch (IOException e) {
            LOG.warn("no room can be kept for the metadata log: {}", e.getMessage());
        }
    }

    /** Opens a connection that cannot change anything. */
    Session openReader() {
        try {
            Connection connection = connect(READER_CACHE_KIB, SQLiteOpenMode.READWRITE);
            try (Statement statement = connection.createStatement()) {
                statement.execute("PRAGMA query_only = ON");
            }
            return new Session(connection);
        } catch (SQLException e) {
            throw SqliteFault.of("open the metadata database", e);
        }
    }

    /** Opens a connection that folds the log into the database. */
    Session openCheckpointer() {
        try {
            return new Session(connect(READER_CACHE_KIB, SQLiteOpenMode.READWRITE));
        } catch (SQLException e) {
            throw SqliteFault.of("open the metadata database", e);
        }
    }

    /** Opens a damaged database for whatever can be read. */
    Connection openAsItIs() throws SQLException {
        return connect(READER_CACHE_KIB, SQLiteOpenMode.READWRITE);
    }

    private Connection connect(int cacheKib, SQLiteOpenMode mode) throws SQLException {
        SQLiteConfig config = new SQLiteConfig();
        config.setBusyTimeout(BUSY_MILLIS);
        config.setOpenMode(mode);
        config.setOpenMode(SQLiteOpenMode.NOMUTEX); // one thread at a time uses a connection
        config.setExplicitReadOnly(false);
        Connection connection = JDBC.createConnection("jdbc:sqlite:" + file, config.toProperties());
        try (Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA cache_size = -" + cacheKib);
            statement.execute("PRAGMA mmap_size = 0");
            return connection;
        } catch (SQLException e) {
            connection.close();
            throw e;
        }
    }

    private void createFile() {
        try {
            if (!Files.exists(file)) {
                Files.createFile(
                        file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            }
        } catch (IOException e) {
            throw Fault.unavailable("create the metadata database", String.valueOf(e.getMessage()), "")
                    .causedBy(new UncheckedIOException(e));
        }
    }
}

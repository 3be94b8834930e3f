package dev.berth.store;

import dev.berth.kernel.Fault;
import java.sql.SQLException;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/** What SQLite's errors mean for the caller. */
final class SqliteFault {
    private static final int PRIMARY = 0xff;

    private SqliteFault() {}

    static Fault of(String what, SQLException e) {
        String why = String.valueOf(e.getMessage());
        Fault fault = switch (code(e)) {
            case SQLITE_FULL ->
                Fault.exhausted(what, "the disk is full", "Make room on the file system of Berth's root and try again");
            case SQLITE_CORRUPT, SQLITE_NOTADB ->
                Fault.of(
                        Fault.Code.DATA_LOSS,
                        what,
                        "the metadata database is damaged (" + why + ")",
                        "Stop the daemon and run berth check --repair");
            case SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH ->
                Fault.unavailable(
                        what,
                        "the metadata database cannot be read or written (" + why + ")",
                        "Look at the disk and at the mode of Berth's root");
            default -> Fault.internal(what, "SQLite says: " + why, "");
        };
        return fault.causedBy(e);
    }

    /** Whether the file is damaged or no database at all, so that opening it again cannot help. */
    static boolean isDamage(SQLException e) {
        SQLiteErrorCode code = code(e);
        return code == SQLiteErrorCode.SQLITE_CORRUPT || code == SQLiteErrorCode.SQLITE_NOTADB;
    }

    /** Whether the statement made no sense in the connection's state, as ROLLBACK outside of a transaction. */
    static boolean isMisuse(SQLException e) {
        return code(e) == SQLiteErrorCode.SQLITE_ERROR;
    }

    private static SQLiteErrorCode code(SQLException e) {
        int extended = e instanceof SQLiteException sqlite ? sqlite.getResultCode().code : e.getErrorCode();
        return SQLiteErrorCode.getErrorCode(extended & PRIMARY);
    }
}

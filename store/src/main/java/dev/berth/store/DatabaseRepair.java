package dev.berth.store;

import dev.berth.kernel.Disk;
import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import dev.berth.store.Store.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.InstantSource;
import java.util.List;

/** Replaces a damaged database by one with what can be read of it. Nobody else may use the root. */
final class DatabaseRepair {
    private DatabaseRepair() {}

    static List<Finding> run(Path root, Disk disk, InstantSource clock) {
        Layout layout = new Layout(root);
        try {
            layout.create(disk);
            try (RootLock _ = RootLock.take(layout.lock())) {
                SqliteLibrary.provide(layout.meta(), disk);
                List<String> damage = damage(layout);
                return damage.isEmpty() ? List.of() : List.of(replace(layout, disk, clock, damage));
            }
        } catch (IOException e) {
            throw DiskFault.of("repair the store in " + root, e);
        }
    }

    private static List<String> damage(Layout layout) {
        if (!Files.exists(layout.database())) {
            return List.of();
        }
        try (Session session = new Database(layout.database()).openReader()) {
            return Salvage.damage(session);
        } catch (Fault e) {
            if (e.code() == Fault.Code.DATA_LOSS) {
                return List.of(String.valueOf(e.getMessage()));
            }
            throw e;
        }
    }

    private static Finding replace(Layout layout, Disk disk, InstantSource clock, List<String> damage)
            throws IOException {
        Path aside = SetAside.move(layout, disk, clock);
        Database database = new Database(layout.database());
        try (Connection fresh = database.openWriter(Schema.current())) {
            long rows = Salvage.copy(new Database(aside.resolve(database.file().getFileName())), fresh);
            new Snapshots(new Session(fresh), new Namespaces(new Session(fresh)), clock).skipOldNumbers();
            return new Finding(
                    "database",
                    database.file().toString(),
                    String.join("; ", damage),
                    "Moved to " + aside + "; " + rows + " records were saved",
                    true);
        } catch (SQLException e) {
            throw SqliteFault.of("repair the metadata database", e);
        }
    }
}

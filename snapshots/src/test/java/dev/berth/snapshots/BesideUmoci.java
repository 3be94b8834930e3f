package dev.berth.snapshots;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Namespace;
import dev.berth.store.Store;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests that unpack what umoci unpacks too, each with a store of its own. */
@Timeout(120)
abstract class BesideUmoci {
    static final Namespace K8S = Namespace.KUBERNETES;

    @TempDir
    Path temp;

    Store store;
    final Disk disk = new UnflushedDisk();

    @BeforeEach
    final void open() {
        Program.needed(Umoci.PROGRAM);
        store = Store.open(temp.resolve("root"), disk, InstantSource.fixed(Instant.EPOCH));
    }

    @AfterEach
    final void close() {
        store.close();
    }
}

package dev.berth.store;

import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Tests of what is in a store: each has one of its own. */
abstract class OpenStore {
    @TempDir
    Path root;

    Store store;
    Metadata metadata;

    @BeforeEach
    final void open() {
        store = StoreRoot.open(root);
        metadata = store.metadata();
    }

    @AfterEach
    final void close() {
        store.close();
    }
}

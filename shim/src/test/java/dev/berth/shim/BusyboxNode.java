package dev.berth.shim;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests of containers of busybox: each has a supervisor of its own, in this process or in another. */
@Timeout(300)
abstract class BusyboxNode {
    @TempDir
    static Path root;

    Node node;

    @BeforeAll
    static void makeRoot() throws IOException {
        Busybox.makeRoot(root);
    }

    abstract Node open(Path busybox) throws IOException, InterruptedException;

    @BeforeEach
    final void start() throws IOException, InterruptedException {
        node = open(root);
    }

    @AfterEach
    final void stop() throws IOException, InterruptedException {
        node.close();
    }
}

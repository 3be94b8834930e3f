package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BundlesTest {
    @TempDir
    private Path state;

    /** A container that ended while no daemon was there is taken away while the next one still looks at all bundles. */
    @Test
    void aBundleThatGoesMeanwhileHasNoProcesses() throws Exception {
        var bundles = new Bundles(state);
        var task = new TaskId("k8s.io", "one");
        Path bundle = bundles.create(task);
        Path pipes = Files.createDirectory(bundle.resolve(Exec.Pipes.PREFIX + "1"));
        assertThat(bundles.execs(task)).containsExactly(pipes);
        Exec.Pipes.remove(pipes);
        bundles.remove(task);
        assertThat(bundles.execs(task)).isEmpty();
        Exec.Pipes.remove(pipes);
    }
}

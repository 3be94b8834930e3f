package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.linux.Signals;
import dev.berth.wire.shim.types.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A runtime that fails at one step: what was begun is undone, nothing is left, and the next try works. */
@Timeout(300)
class FailureTest {
    @TempDir
    static Path root;

    @TempDir
    Path place;

    private Node node;

    @BeforeAll
    static void makeRoot() throws IOException {
        Busybox.makeRoot(root);
    }

    /** The real crun, unless a file says that a step fails before or after its work, is killed, or tells no process id. */
    @BeforeEach
    void start() throws IOException, InterruptedException {
        Path runtime = place.resolve("stand-in");
        Files.writeString(runtime, """
                #!/bin/sh
                step=none
                for word in "$@"; do
                  case $word in create|start|exec|delete|pause|resume|update) step=$word; break;; esac
                done
                [ -e PLACE/before-$step ] && exit 1
                [ -e PLACE/killed-$step ] && kill -9 $$
                [ -e PLACE/loud-$step ] && { echo "cannot load libyajl.so" >&2; exit 127; }
                crun "$@" || exit
                [ -e PLACE/after-$step ] && exit 1
                if [ -e PLACE/nopid-$step ]; then
                  while [ "$1" != --pid-file ]; do shift; done
                  rm "$2"
                fi
                exit 0
                """.replace("PLACE", place.toString()));
        Files.setPosixFilePermissions(runtime, PosixFilePermissions.fromString("rwx------"));
        node = Node.inside(
                root, "--runtime", "standin=" + runtime, "--without", "own-start", "--without", "own-delete");
    }

    @AfterEach
    void stop() throws IOException, InterruptedException {
        node.close();
    }

    private void fail(String step) throws IOException {
        Files.createFile(place.resolve(step));
    }

    private void work(String step) throws IOException {
        Files.delete(place.resolve(step));
    }

    @ParameterizedTest
    @ValueSource(strings = {"before-create", "killed-create", "after-create", "nopid-create"})
    void aFailedCreateLeavesNothing(String step) throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        fail(step);
        assertThatThrownBy(() -> node.create(container, "standin")).hasMessageContaining("INTERNAL");
        assertThatThrownBy(() -> node.state(container)).hasMessageContaining("NOT_FOUND");
        node.assertNothingLeft();
        work(step);
        node.create(container, "standin");
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @Test
    void whatCannotBeUndoneIsUndoneByTheNextTry() throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        fail("after-create");
        fail("before-delete");
        assertThatThrownBy(() -> node.create(container, "standin")).hasMessageContaining("INTERNAL");
        assertThatThrownBy(() -> node.create(container, "standin"))
                .as("what is left stands in the way")
                .hasMessageContaining("delete");
        work("after-create");
        work("before-delete");
        node.create(container, "standin");
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @Test
    void aFailedStartCanBeDeleted() throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        node.create(container, "standin");
        fail("before-start");
        assertThatThrownBy(() -> node.start(container)).hasMessageContaining("OCI runtime start failed");
        assertThat(node.state(container).getStatus()).isEqualTo(Status.CREATED);
        node.delete(container, "");
        node.assertNothingLeft();
    }

    /** As a program does that is not even loaded: nothing in its log. */
    @Test
    void whatARuntimePrintsIsItsReason() throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        fail("loud-create");
        assertThatThrownBy(() -> node.create(container, "standin"))
                .hasMessageContaining("ended with status 127")
                .hasMessageContaining("in the container's own output");
        work("loud-create");
        node.create(container, "standin");
        fail("loud-start");
        assertThatThrownBy(() -> node.start(container))
                .hasMessageContaining("OCI runtime start failed: ")
                .hasMessageContaining("ended with status 127 and said: cannot load libyajl.so");
        work("loud-start");
        fail("loud-delete");
        assertThatThrownBy(() -> node.delete(container, "")).hasMessageContaining("cannot load libyajl.so");
        work("loud-delete");
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @Test
    void aFailedDeleteCanBeRepeated() throws Exception {
        var container = node.container(Busybox.config("true"));
        node.create(container, "standin");
        node.start(container);
        node.await(container, "");
        fail("before-delete");
        assertThatThrownBy(() -> node.delete(container, "")).hasMessageContaining("OCI runtime delete failed");
        assertThat(node.state(container).getStatus()).isEqualTo(Status.STOPPED);
        work("before-delete");
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @Test
    void aFailedExecHarmsNobody() throws Exception {
        var container = node.container(Busybox.config("sleep", "1000"));
        node.create(container, "standin");
        node.start(container);
        node.exec(container, "e1", Busybox.config("true"));
        fail("before-exec");
        assertThatThrownBy(() -> node.start(container, "e1")).hasMessageContaining("OCI runtime exec failed");
        node.delete(container, "e1");
        work("before-exec");
        node.exec(container, "e3", Busybox.config("nonsense"));
        assertThatThrownBy(() -> node.start(container, "e3"))
                .hasMessageContaining("exec: \"nonsense\": executable file not found in $PATH");
        node.exec(container, "e2", Busybox.config("sh", "-c", "exit 6"));
        node.start(container, "e2");
        assertThat(node.await(container, "e2").getExitStatus()).isEqualTo(6);
        node.kill(container, Signals.KILL);
        node.await(container, "");
        node.delete(container, "");
        node.assertNothingLeft();
    }

    @Test
    void aRuntimeThatCannotRunAContainerIsNotUsed() throws Exception {
        fail("before-start");
        Node other = Node.inside(root, "--runtime", "broken=" + place.resolve("stand-in"));
        try {
            var container = other.container(Busybox.config("true"));
            assertThatThrownBy(() -> other.create(container, "broken"))
                    .hasMessageContaining("FAILED_PRECONDITION")
                    .hasMessageContaining("failed to run a container");
            other.assertNothingLeft();
        } finally {
            other.close();
        }
    }

    @Test
    void aProgramThatPrintsBytesIsNoRuntime() throws Exception {
        Path program = Files.writeString(place.resolve("bytes"), "#!/bin/sh\nhead -c 100000 /dev/urandom\n");
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        Node other = Node.inside(root, "--runtime", "bytes=" + program);
        try {
            var container = other.container(Busybox.config("true"));
            assertThatThrownBy(() -> other.create(container, "bytes"))
                    .hasMessageContaining("FAILED_PRECONDITION")
                    .hasMessageContaining("does not tell its version");
            other.assertNothingLeft();
        } finally {
            other.close();
        }
    }

    @Test
    void aBrokenConfigIsRefused() throws Exception {
        var container = node.container(Busybox.config("true"));
        Files.writeString(container.bundle().resolve("config.json"), "{\"process\": ");
        assertThatThrownBy(() -> node.create(container, "standin")).hasMessageContaining("INVALID_ARGUMENT");
        Files.delete(container.bundle().resolve("config.json"));
        assertThatThrownBy(() -> node.create(container, "standin")).hasMessageContaining("NOT_FOUND");
        node.assertNothingLeft();
    }
}

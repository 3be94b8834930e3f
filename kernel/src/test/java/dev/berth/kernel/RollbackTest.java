package dev.berth.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RollbackTest {
    private final List<String> ran = new ArrayList<>();

    @Test
    void undoesNewestFirstUnlessCommitted() {
        try (var undo = new Rollback()) {
            undo.add("first", () -> ran.add("first"));
            undo.add("second", () -> ran.add("second"));
        }
        assertThat(ran).containsExactly("second", "first");
    }

    @Test
    void keepsEverythingAfterCommit() {
        try (var undo = new Rollback()) {
            undo.add("first", () -> ran.add("first"));
            undo.commit();
        }
        assertThat(ran).isEmpty();
    }

    @Test
    void runsAllStepsAndNamesWhatIsLeftBehind() {
        assertThatThrownBy(() -> {
                    try (var undo = new Rollback()) {
                        undo.add("mount", () -> {
                            throw new IllegalStateException("busy");
                        });
                        undo.add("name", () -> ran.add("name"));
                        undo.add("address", () -> {
                            throw new IllegalStateException("gone");
                        });
                        throw Fault.internal("create", "broken", "");
                    }
                })
                .isInstanceOf(Fault.class)
                .satisfies(e -> {
                    Throwable left = e.getSuppressed()[0];
                    assertThat(left).hasMessage("left behind: address");
                    assertThat(left.getSuppressed()[0]).hasMessage("left behind: mount");
                });
        assertThat(ran).containsExactly("name");
    }

    @Test
    void holdsAnInterruptBackWhileUndoing() {
        Thread.currentThread().interrupt();
        try (var undo = new Rollback()) {
            undo.add("step", () -> ran.add(String.valueOf(Thread.currentThread().isInterrupted())));
        }
        assertThat(Thread.interrupted()).isTrue();
        assertThat(ran).containsExactly("false");
    }
}

package dev.berth.shim.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Disk;
import dev.berth.shim.journal.Journal.Change;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class JournalTest {
    @TempDir
    Path directory;

    @Test
    void keepsTheLastTextOfEachName() throws IOException {
        try (Journal journal = open()) {
            journal.write(Change.put("task/a", "{\"n\":1}"));
            journal.write(List.of(Change.put("task/a", "{\"n\":2}"), Change.put("task/b", "{}")));
            journal.write(Change.remove("task/b"));
            journal.write(Change.put("event/1", "{\"topic\":\"/tasks/exit\"}"));
        }
        try (Journal again = open()) {
            assertThat(again.all("task/")).containsExactly(java.util.Map.entry("task/a", "{\"n\":2}"));
            assertThat(again.get("event/1")).hasValue("{\"topic\":\"/tasks/exit\"}");
            assertThat(again.get("task/b")).isEmpty();
        }
    }

    @Test
    void dropsALineCutOffAtAnyByte() throws IOException {
        byte[] whole;
        int first;
        try (Journal journal = open()) {
            journal.write(Change.put("a", "\"é\""));
            first = (int) Files.size(file());
            journal.write(List.of(Change.put("a", "\"two\""), Change.put("b", "{\"x\":[1,2]}")));
            whole = Files.readAllBytes(file());
        }
        for (int cut = first; cut < whole.length; cut++) {
            Files.write(file(), Arrays.copyOf(whole, cut));
            try (Journal journal = open()) {
                assertThat(journal.all("")).as("cut at %d", cut).containsOnlyKeys("a");
                journal.write(Change.put("c", "3"));
            }
            try (Journal journal = open()) {
                assertThat(journal.all("")).containsOnlyKeys("a", "c");
            }
        }
    }

    @Test
    void dropsALineThatIsNotWhatWasWritten() throws IOException {
        try (Journal journal = open()) {
            journal.write(Change.put("a", "1"));
        }
        Files.writeString(file(), "00000000\tb\t2\n", StandardOpenOption.APPEND);
        try (Journal journal = open()) {
            assertThat(journal.all("")).containsOnlyKeys("a");
        }
    }

    @Test
    void staysSmall() throws IOException {
        String text = "\"" + "x".repeat(10_000) + "\"";
        try (Journal journal = open()) {
            for (int i = 0; i < 500; i++) {
                journal.write(Change.put("same", text));
                journal.write(Change.put("n", Integer.toString(i)));
            }
            assertThat(Files.size(file())).isLessThan(2 << 20);
        }
        try (Journal again = open()) {
            assertThat(again.get("same")).hasValue(text);
            assertThat(again.get("n")).hasValue("499");
        }
    }

    /** Fails one step of a rewriting: before the file has changed, or after. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void aRewritingThatFailsTakesNothingAway(Step failing) throws IOException {
        String text = "\"" + "x".repeat(10_000) + "\"";
        var disk = new PlainDisk();
        disk.failing = failing;
        try (Journal journal = Journal.open(file(), disk)) {
            for (int i = 0; i < 300; i++) {
                journal.write(List.of(Change.put("same", text), Change.put("n", Integer.toString(i))));
            }
            assertThat(disk.failures).isPositive().isLessThan(5);
            try (Journal successor = Journal.open(file(), disk)) {
                assertThat(successor.get("n")).hasValue("299");
            }
            disk.failing = Step.NONE;
            for (int i = 300; i < 600; i++) {
                journal.write(List.of(Change.put("same", text), Change.put("n", Integer.toString(i))));
            }
            assertThat(Files.size(file())).isLessThan(2 << 20);
        }
        try (Journal again = open()) {
            assertThat(again.get("n")).hasValue("599");
            assertThat(again.get("same")).hasValue(text);
        }
    }

    enum Step {
        NONE,
        REPLACE,
        BEFORE_RENAME,
        AFTER_RENAME
    }

    @Test
    void refusesWhatWouldBreakTheFile() {
        assertThatThrownBy(() -> Change.put("a\tb", "1")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Change.put("a", "1\n")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Change.put("a", "")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Change.put("", "1")).isInstanceOf(IllegalArgumentException.class);
    }

    private Path file() {
        return directory.resolve("journal");
    }

    private Journal open() throws IOException {
        return Journal.open(file(), new PlainDisk());
    }

    private static final class PlainDisk implements Disk {
        private Step failing = Step.NONE;
        private int failures;

        private void failAt(Step step) throws IOException {
            if (failing == step) {
                failures++;
                throw new IOException("No space left on device");
            }
        }

        @Override
        public void replace(Path target, byte[] bytes) throws IOException {
            failAt(Step.REPLACE);
            Path next = target.resolveSibling(target.getFileName() + ".next");
            Files.write(next, bytes);
            Files.move(next, target, java.nio.file.StandardCopyOption.ATOMIC_MOVE);
        }

        @Override
        public void sync(Path file) {}

        @Override
        public void syncDirectory(Path directory) {}

        @Override
        public void syncFilesystem(Path anywhereOnIt) {}

        @Override
        public void rename(Path from, Path to) throws IOException {
            failAt(Step.BEFORE_RENAME);
            Files.move(from, to, java.nio.file.StandardCopyOption.ATOMIC_MOVE);
            failAt(Step.AFTER_RENAME);
        }

        @Override
        public void remove(Path path) throws IOException {
            Files.deleteIfExists(path);
        }
    }
}

package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.linux.Child;
import dev.berth.linux.LinuxDisk;
import dev.berth.shim.ProcessRecord.Streams;
import dev.berth.shim.journal.Journal;
import dev.berth.shim.stdio.Pumps;
import dev.berth.shim.stdio.Stdio;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An end is written down and told, whatever of the work that belongs to it fails. */
@Timeout(300)
@SuppressWarnings("try") // closed in order, not used
class EndTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    @TempDir
    Path directory;

    @Test
    void anEndIsToldThoughItsWorkFails() throws Exception {
        Ticker ticker = Ticker.system();
        InstantSource clock = InstantSource.system();
        StateDir state = StateDir.open(directory.resolve("state"));
        Ledger ledger = Ledger.open(Journal.open(directory.resolve("journal"), new LinuxDisk()), clock);
        Pumps pumps = Pumps.open(Files.createDirectory(directory.resolve("pumps")), clock, ticker);
        Vault vault = Vault.open(state.vaultPin(), state.vault());
        try (ledger;
                pumps;
                vault;
                Stdio stdio = Stdio.open(directory.resolve("streams"))) {
            var context = new TaskProcess.Context(
                    ledger,
                    new Outputs(ledger, pumps),
                    new Pins(vault),
                    stdio,
                    new OomReports(ledger),
                    new TaskProcess.Time(clock, ticker));
            TaskKey key = new TaskKey("k8s.io", "end");
            ProcessRecord announced =
                    ProcessRecord.announced(key, "e", ProcessState.CREATED, new Streams(false, "", "", ""));
            var process = new TaskProcess(announced, context, () -> {
                throw new IllegalStateException("the machine is odd today");
            });
            process.startExec(() -> start("exit 7"));
            ProcessRecord ended = process.awaitEnd(LIMIT);
            assertThat(ended.exitedAt()).isNotNull();
            assertThat(ended.exitStatus()).isEqualTo(7);
            assertThat(ledger.awaitEvents(0)).extracting(EventRecord::topic).contains("/tasks/exit");
        } finally {
            state.remove();
            state.close();
        }
    }

    private static int start(String script) {
        try {
            return Child.command("/bin/sh", "-c", script)
                    .environment(Map.of("PATH", "/usr/bin:/bin"))
                    .spawn()
                    .pid();
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}

package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.oci.ProcessSpec;
import dev.berth.ttrpc.TtrpcClient;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/** One command from its start to its last output. */
final class ExecSync {
    static final int MAX_OUTPUT = 16 << 20;

    /** How long nothing may come from pipes that are still open after the command has ended, and the most in all. */
    private static final Duration SILENCE = Duration.ofMillis(250);

    private static final Duration DRAIN = Duration.ofSeconds(5);

    private final Tasks tasks;

    ExecSync(Tasks tasks) {
        this.tasks = tasks;
    }

    ExecResult run(TaskId task, ProcessSpec process, Duration limit) {
        try (Exec exec = tasks.exec(task, new Exec.Command(process, false))) {
            Output out = Output.collect(exec.stdout(), MAX_OUTPUT);
            Output err = exec.stderr() == null ? null : Output.collect(exec.stderr(), MAX_OUTPUT);
            try {
                exec.start();
                Optional<Exit> exit = exec.await(limit.isZero() ? TtrpcClient.FOREVER : limit);
                if (exit.isEmpty()) {
                    throw Fault.deadline(
                            "exec in " + task,
                            "the command " + process.args() + " did not end within " + limit,
                            "It was killed; give it more time if it needs more");
                }
                out.drain(SILENCE, DRAIN);
                if (err != null) {
                    err.drain(SILENCE, DRAIN);
                }
                return new ExecResult(exit.get(), out.stop(), err == null ? new byte[0] : err.stop());
            } finally {
                out.stop();
                if (err != null) {
                    err.stop();
                }
            }
        } catch (IOException e) {
            throw Fault.internal("exec in " + task, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, "exec in " + task, "the caller was interrupted", "");
        }
    }
}

package dev.berth.tasks;

import com.google.protobuf.ByteString;
import dev.berth.kernel.Fault;
import dev.berth.oci.ProcessSpec;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/** One command from its start to its last output. */
final class ExecSync {
    /** Kubelet takes answers of 16 MiB at most; both streams share what the answer's own fields leave of it. */
    static final int MAX_OUTPUT = (16 << 20) - (64 << 10);

    /** How long nothing may come from pipes that are still open after the command has ended, and the most in all. */
    private static final Duration SILENCE = Duration.ofMillis(250);

    private static final Duration DRAIN = Duration.ofSeconds(5);

    private final Creation creation;
    private final OutputBudget budget;

    ExecSync(Creation creation, OutputBudget budget) {
        this.creation = creation;
        this.budget = budget;
    }

    ExecResult run(TaskId task, ProcessSpec process, Duration limit) {
        try (OutputBudget.Share share = budget.share(MAX_OUTPUT, task);
                Exec exec = creation.exec(task, new Exec.Command(process, false));
                Output out = Output.collect(exec.stdout(), share);
                Output err = exec.stderr() == null ? null : Output.collect(exec.stderr(), share)) {
            Optional<Exit> exit = exec.run(limit);
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
            return new ExecResult(exit.get(), out.take(), err == null ? ByteString.EMPTY : err.take());
        } catch (IOException e) {
            throw Fault.internal("exec in " + task, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, "exec in " + task, "the caller was interrupted", "");
        }
    }
}

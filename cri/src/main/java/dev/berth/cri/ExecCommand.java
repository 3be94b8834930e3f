package dev.berth.cri;

import dev.berth.cri.streaming.ClientStreams;
import dev.berth.cri.streaming.RemoteCommand;
import dev.berth.cri.streaming.TerminalSizes;
import dev.berth.kernel.Fault;
import dev.berth.linux.Fd;
import dev.berth.linux.Signals;
import dev.berth.oci.ProcessSpec;
import dev.berth.tasks.Exec;
import dev.berth.tasks.Exit;
import dev.berth.tasks.TaskId;
import dev.berth.tasks.Tasks;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A command in a container with a client at its streams.
 *
 * <p>A client that goes takes its input with it and, if there is a terminal, hangs up (SIGHUP), as a lost line does. The
 * command itself runs on to its end and its output is thrown away, as other runtimes have it: nobody said that it should be
 * killed.
 */
record ExecCommand(Tasks tasks, TaskId task, ProcessSpec process, boolean stdin) implements RemoteCommand {
    private static final Logger LOG = LoggerFactory.getLogger(ExecCommand.class);

    /** How long a pipe that somebody else still holds open is quiet before the output counts as whole. */
    private static final Duration SILENCE = Duration.ofMillis(250);

    private static final Duration NO_LIMIT = Duration.ofDays(3650);

    @Override
    public int run(ClientStreams client) throws IOException, InterruptedException {
        var inputs = new ArrayList<Thread>();
        var outputs = new ArrayList<OutputCopy>();
        try (Exec exec = tasks.exec(task, new Exec.Command(process, stdin))) {
            try {
                outputs.add(OutputCopy.start(exec.stdout(), client.stdout()));
                Fd stderr = exec.stderr();
                if (stderr != null) {
                    outputs.add(OutputCopy.start(stderr, client.stderr()));
                }
                exec.start();
                begin(exec, client, inputs);
                Optional<Exit> exit = exec.await(NO_LIMIT);
                for (OutputCopy output : outputs) {
                    output.drain(SILENCE);
                }
                return exit.map(Exit::status).orElseThrow();
            } finally {
                stop(inputs, outputs);
            }
        }
    }

    private void begin(Exec exec, ClientStreams client, List<Thread> inputs) {
        InputStream from = client.stdin();
        Fd to = exec.stdin();
        if (from != null && to != null) {
            inputs.add(InputCopy.start(from, to, () -> quietly("close the input", exec::closeStdin)));
        }
        TerminalSizes sizes = client.sizes();
        if (sizes != null) {
            inputs.add(Thread.ofVirtual().name("terminal size").start(() -> {
                for (var size = sizes.next(); size != null; size = sizes.next()) {
                    int width = size.width();
                    int height = size.height();
                    quietly("resize", () -> exec.resize(width, height));
                }
            }));
        }
        if (process.terminal()) {
            inputs.add(Thread.ofVirtual().name("line").start(() -> hangUp(exec, client)));
        }
    }

    private static void hangUp(Exec exec, ClientStreams client) {
        try {
            client.client().awaitGone();
            quietly("hang up", () -> exec.kill(Signals.HUP));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // it has ended
        }
    }

    /** The process may end at any moment; what was meant for it has no sense then. */
    private static void quietly(String what, Runnable step) {
        try {
            step.run();
        } catch (Fault e) {
            LOG.debug("cannot {}: {}", what, e.getMessage());
        }
    }

    private static void stop(List<Thread> inputs, List<OutputCopy> outputs) throws InterruptedException {
        for (Thread input : inputs) {
            input.interrupt();
        }
        for (Thread input : inputs) {
            input.join();
        }
        for (OutputCopy output : outputs) {
            output.stop();
        }
    }
}

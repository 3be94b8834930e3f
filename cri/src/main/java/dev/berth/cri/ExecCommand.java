package dev.berth.cri;

import dev.berth.cri.streaming.ClientStreams;
import dev.berth.cri.streaming.RemoteCommand;
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
import java.util.Optional;

/**
 * A command in a container with a client at its streams.
 *
 * <p>A client that goes takes its input with it and, if there is a terminal, hangs up (SIGHUP), as a lost line does. The
 * command itself runs on to its end and its output is thrown away: nobody said that it should be killed.
 */
record ExecCommand(Tasks tasks, TaskId task, ProcessSpec process, boolean stdin) implements RemoteCommand {
    /** How long a pipe that somebody else still holds open is quiet before the output counts as whole. */
    private static final Duration SILENCE = Duration.ofMillis(250);

    private static final Duration NO_LIMIT = Duration.ofDays(3650);

    @Override
    public int run(ClientStreams client) throws IOException, InterruptedException {
        var side = new ClientSide(client);
        var outputs = new ArrayList<OutputCopy>();
        try (Exec exec = tasks.exec(task, new Exec.Command(process, stdin))) {
            try {
                outputs.add(OutputCopy.start(exec.stdout(), client.stdout()));
                Fd stderr = exec.stderr();
                if (stderr != null) {
                    outputs.add(OutputCopy.start(stderr, client.stderr()));
                }
                exec.start();
                begin(exec, client, side);
                Optional<Exit> exit = exec.await(NO_LIMIT);
                for (OutputCopy output : outputs) {
                    output.drain(SILENCE);
                }
                return exit.map(Exit::status).orElseThrow();
            } finally {
                side.stop();
                for (OutputCopy output : outputs) {
                    output.stop();
                }
            }
        }
    }

    private void begin(Exec exec, ClientStreams client, ClientSide side) {
        InputStream from = client.stdin();
        Fd to = exec.stdin();
        if (from != null && to != null) {
            side.input(from, to, exec::closeStdin);
        }
        side.sizes(size -> exec.resize(size.width(), size.height()));
        if (process.terminal()) {
            side.whenGone(() -> exec.kill(Signals.HUP));
        }
    }
}

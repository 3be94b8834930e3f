package dev.berth.cri;

import dev.berth.cri.streaming.ClientStreams;
import dev.berth.cri.streaming.RemoteCommand;
import dev.berth.linux.Fd;
import dev.berth.tasks.Attachment;
import dev.berth.tasks.TaskId;
import dev.berth.tasks.Tasks;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A client at the streams of a container's first process. It gets what comes out from now on, and what it is too slow for is
 * replaced by a line that says so: neither the container nor its log ever waits for it.
 *
 * <p>When the client's input ends, the container's input ends too if it was made with stdin_once and has no terminal;
 * otherwise the client is let go. The same holds when the client is gone.
 */
record AttachCommand(Tasks tasks, Container container) implements RemoteCommand {
    private static final Logger LOG = LoggerFactory.getLogger(AttachCommand.class);

    @Override
    public int run(ClientStreams client) throws IOException, InterruptedException {
        TaskId task = ContainerRunning.task(container);
        var side = new ClientSide(client);
        Fd stdin = null;
        try (Attachment attachment = tasks.attach(task)) {
            try {
                InputStream from = client.stdin();
                stdin = from == null ? null : tasks.openStdin(task).orElse(null);
                if (from != null && stdin != null) {
                    Fd to = stdin;
                    side.input(from, to, () -> inputEnded(to, attachment));
                } else if (from != null) {
                    InputCopy.drop(from);
                }
                if (container.config().tty()) {
                    side.sizes(size -> tasks.resize(task, "", size.width(), size.height()));
                }
                side.whenGone(attachment::detach);
                show(attachment, client);
                return 0;
            } finally {
                side.stop();
                if (stdin != null) {
                    stdin.close();
                }
            }
        }
    }

    private void inputEnded(Fd stdin, Attachment attachment) {
        stdin.close();
        if (!container.config().stdinOnce() || container.config().tty()) {
            attachment.detach();
            return;
        }
        tasks.endStdin(ContainerRunning.task(container));
    }

    /** Until the container's output ends, or the client is gone. */
    private void show(Attachment attachment, ClientStreams client) {
        try {
            for (var piece = attachment.next(); piece != null; piece = attachment.next()) {
                OutputStream to = piece.isError() ? client.stderr() : client.stdout();
                if (piece.lost() > 0) {
                    tell(piece.lost(), client);
                }
                if (to != null && piece.bytes().length > 0) {
                    to.write(piece.bytes());
                }
            }
        } catch (IOException e) {
            LOG.debug("container {}: a client is gone: {}", container.id(), e.getMessage());
        }
    }

    private static void tell(long lost, ClientStreams client) throws IOException {
        @Nullable OutputStream to = client.stderr() == null ? client.stdout() : client.stderr();
        if (to != null) {
            String line = "\r\n[" + lost + " bytes came faster than they were read and are only in the log]\r\n";
            to.write(line.getBytes(StandardCharsets.UTF_8));
        }
    }
}

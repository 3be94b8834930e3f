package dev.berth.shim.stdio;

import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Pty;
import dev.berth.linux.UnixListener;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Streams through a terminal: the runtime sends its master side, and two relays move bytes between it and the client's
 * FIFOs, as they come. The output ends for the client when nobody has the terminal open any more.
 *
 * <p>Kept by a holder: the master, or the processes would get SIGHUP, and a reader of the output FIFO, in which there may be
 * what nobody has read yet.
 */
final class TerminalIo extends ProcessIo {
    private static final Logger LOG = LoggerFactory.getLogger(TerminalIo.class);
    private static final Duration LIMIT = Duration.ofSeconds(5);
    private static final int MASTER = 0;

    private final Kept kept;
    private final List<Fd> fifos = new ArrayList<>();
    private @Nullable Fd stdinReader;
    private @Nullable Fd stdinWriter;
    private @Nullable Fd stdoutReader;
    private @Nullable Fd stdoutWriter;
    private @Nullable UnixListener console;
    private @Nullable Path socket;
    private @Nullable Pty terminal;

    private TerminalIo(Kept kept) {
        this.kept = kept;
    }

    /**
     * Opens the FIFOs and waits for a terminal.
     *
     * @param socket where the runtime will send it
     */
    static TerminalIo open(Kept kept, String stdin, String stdout, Path socket) throws LinuxException {
        TerminalIo io = new TerminalIo(kept);
        try {
            io.openFifos(stdin, stdout);
            io.console = UnixListener.bind(socket);
            io.socket = socket;
            return io;
        } catch (LinuxException e) {
            io.close();
            throw e;
        }
    }

    /** For a process that runs: as far as the FIFOs are still there and its terminal was kept. */
    static TerminalIo reopen(Kept kept, String stdin, String stdout) {
        TerminalIo io = new TerminalIo(kept);
        try {
            io.openFifos(stdin, stdout);
            Fd master = kept.take(MASTER);
            if (master == null) {
                LOG.warn("{}: its terminal is lost: nobody kept it", kept.name());
            } else {
                io.begin(Pty.ofMaster(master));
            }
        } catch (LinuxException e) {
            LOG.warn("{}: its terminal cannot be used again: {}", kept.name(), e.getMessage());
        }
        return io;
    }

    private void openFifos(String stdin, String stdout) throws LinuxException {
        if (!stdin.isEmpty()) {
            stdinReader = open(Fifo.openReader(Path.of(stdin)));
            stdinWriter = open(Fifo.openWriter(Path.of(stdin)));
        }
        if (!stdout.isEmpty()) {
            stdoutReader = open(Fifo.openReader(Path.of(stdout)));
            stdoutWriter = open(Fifo.openBoth(Path.of(stdout)));
        } else {
            stdoutWriter = open(Fd.open(Path.of("/dev/null"), Fd.O_WRONLY));
        }
    }

    private Fd open(Fd fd) {
        fifos.add(fd);
        return fd;
    }

    @Override
    public @Nullable Fd input() {
        return null;
    }

    @Override
    public @Nullable Fd output() {
        return null;
    }

    @Override
    public @Nullable Fd error() {
        return null;
    }

    @Override
    public @Nullable Path consoleSocket() {
        return socket;
    }

    @Override
    public synchronized void attached() throws IOException, InterruptedException {
        UnixListener listener = console;
        if (listener == null) {
            return;
        }
        try (listener) {
            Pty pty = listener.receiveConsole(LIMIT);
            console = null;
            kept.hold(stdoutReader == null ? List.of(pty.master()) : List.of(pty.master(), stdoutReader));
            begin(pty);
        } catch (LinuxException e) {
            throw new IOException("the runtime sent no terminal", e);
        }
    }

    private void begin(Pty pty) {
        terminal = pty;
        Fd input = stdinReader;
        if (input != null) {
            Relay.start("input of " + kept.name(), input, pty.master(), input::close);
        }
        Fd output = stdoutWriter;
        if (output != null) {
            Relay.start("output of " + kept.name(), pty.master(), output, () -> {
                output.close(); // the reader sees the end
                kept.end();
            });
        }
    }

    @Override
    public synchronized void resize(int columns, int rows) throws LinuxException {
        if (terminal != null) {
            terminal.resize(new Pty.Size(columns, rows));
        }
    }

    @Override
    public synchronized void closeStdin() {
        if (stdinWriter != null) {
            stdinWriter.close();
        }
    }

    @Override
    public synchronized void close() {
        if (console != null) {
            console.close();
        }
        if (terminal != null) {
            terminal.close();
        }
        fifos.forEach(Fd::close);
        kept.end();
    }
}

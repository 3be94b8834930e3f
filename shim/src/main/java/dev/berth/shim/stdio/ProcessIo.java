package dev.berth.shim.stdio;

import dev.berth.kernel.Fault;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The standard streams of one process: what it is born with, and what we keep so that its pipes neither break nor lose what
 * nobody has read yet.
 *
 * <p>The FIFOs are made by the client. The process gets output FIFOs opened for reading and writing, so that a write never
 * fails for want of a reader; we keep a reader each, because the kernel drops the content of a pipe that nobody has open. Of
 * an input FIFO we keep a writer until {@link #closeStdin()}.
 */
public final class ProcessIo implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ProcessIo.class);

    private final List<Fd> kept = new ArrayList<>();
    private final List<Fd> given = new ArrayList<>();
    private @Nullable Fd input;
    private @Nullable Fd output;
    private @Nullable Fd error;
    private @Nullable Fd stdinWriter;

    private ProcessIo() {}

    /**
     * Opens the FIFOs of a process; an empty path is /dev/null.
     *
     * @throws Fault UNIMPLEMENTED for a terminal; NOT_FOUND if a FIFO is not there
     */
    public static ProcessIo open(boolean terminal, String stdin, String stdout, String stderr) {
        if (terminal) {
            throw Fault.of(Fault.Code.UNIMPLEMENTED, "open a terminal", "there are none yet", "");
        }
        ProcessIo io = new ProcessIo();
        try {
            if (!stdin.isEmpty()) {
                io.openInput(Path.of(stdin));
            }
            io.output = stdout.isEmpty() ? null : io.openOutput(Path.of(stdout));
            io.error = stderr.isEmpty() ? null : io.openOutput(Path.of(stderr));
            return io;
        } catch (IOException e) {
            io.close();
            throw Fault.notFound("open the streams", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** Takes up the streams of a running process again, as far as they can be. */
    public static ProcessIo reopen(boolean terminal, String stdin, String stdout, String stderr) {
        ProcessIo io = new ProcessIo();
        for (String path : new String[] {stdout, stderr}) {
            try {
                if (!path.isEmpty()) {
                    io.kept.add(Fifo.openReader(Path.of(path)));
                }
            } catch (IOException e) {
                LOG.warn("{} cannot be opened again: {}", path, e.getMessage());
            }
        }
        return io;
    }

    private void openInput(Path fifo) throws IOException {
        Fd reader = Fifo.openReader(fifo);
        given.add(reader);
        stdinWriter = Fifo.openWriter(fifo);
        reader.nonBlocking(false);
        input = reader;
    }

    private Fd openOutput(Path fifo) throws IOException {
        kept.add(Fifo.openReader(fifo));
        Fd both = Fifo.openBoth(fifo);
        given.add(both);
        both.nonBlocking(false);
        return both;
    }

    /** What becomes the process's standard input; null is /dev/null. */
    public @Nullable Fd input() {
        return input;
    }

    public @Nullable Fd output() {
        return output;
    }

    public @Nullable Fd error() {
        return error;
    }

    /** Where the runtime sends the terminal; null without one. */
    public @Nullable Path consoleSocket() {
        return null;
    }

    /** Called when the runtime has made the process: closes the ends that belong to it. */
    public void attached() {
        given.forEach(Fd::close);
        given.clear();
    }

    /** Sets the size of the terminal; does nothing without one. */
    public void resize(int columns, int rows) throws IOException {}

    /** Lets the process see the end of its input, once the client has closed its own end too. */
    public void closeStdin() {
        if (stdinWriter != null) {
            stdinWriter.close();
        }
    }

    @Override
    public void close() {
        attached();
        closeStdin();
        kept.forEach(Fd::close);
    }
}

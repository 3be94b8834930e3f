package dev.berth.shim.stdio;

import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.LinuxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Streams that are the client's FIFOs themselves, without a copy in between.
 *
 * <p>The process gets output FIFOs opened for reading and writing, so that a write never fails for want of a reader; we keep
 * a reader each, because the kernel drops the content of a pipe that nobody has open, when the process ends before anybody
 * has read. Of an input FIFO we keep a writer until {@link #closeStdin()}, so that it does not end when a client goes.
 */
final class PipeIo extends ProcessIo {
    private static final Logger LOG = LoggerFactory.getLogger(PipeIo.class);

    private final Kept kept;
    private final List<Fd> readers = new ArrayList<>();
    private final List<Fd> given = new ArrayList<>();
    private @Nullable Fd input;
    private @Nullable Fd output;
    private @Nullable Fd error;
    private @Nullable Fd stdinWriter;

    private PipeIo(Kept kept) {
        this.kept = kept;
    }

    static PipeIo open(Kept kept, String stdin, String stdout, String stderr) throws LinuxException {
        PipeIo io = new PipeIo(kept);
        try {
            if (!stdin.isEmpty()) {
                io.input = io.give(Fifo.openReaderForChild(Path.of(stdin)));
                io.stdinWriter = Fifo.openWriter(Path.of(stdin));
            }
            io.output = io.openOutput(stdout);
            io.error = io.openOutput(stderr);
            return io;
        } catch (LinuxException e) {
            io.close();
            throw e;
        }
    }

    /** For a process that runs: as far as the FIFOs are still there. */
    static PipeIo reopen(Kept kept, String stdout, String stderr) {
        PipeIo io = new PipeIo(kept);
        io.stdinWriter = kept.take(0);
        for (String path : new String[] {stdout, stderr}) {
            try {
                io.keepReader(path);
            } catch (LinuxException e) {
                LOG.warn("{}: {} cannot be opened again: {}", kept.name(), path, e.getMessage());
            }
        }
        return io;
    }

    private @Nullable Fd openOutput(String path) throws LinuxException {
        keepReader(path);
        return path.isEmpty() ? null : give(Fifo.openWriterForChild(Path.of(path)));
    }

    private void keepReader(String path) throws LinuxException {
        if (!path.isEmpty()) {
            readers.add(Fifo.openReader(Path.of(path)));
        }
    }

    private Fd give(Fd fd) {
        given.add(fd);
        return fd;
    }

    @Override
    public @Nullable Fd input() {
        return input;
    }

    @Override
    public @Nullable Fd output() {
        return output;
    }

    @Override
    public @Nullable Fd error() {
        return error;
    }

    @Override
    public @Nullable Path consoleSocket() {
        return null;
    }

    @Override
    public synchronized void attached() throws LinuxException {
        given.forEach(Fd::close);
        if (stdinWriter != null) {
            kept.hold(List.of(stdinWriter));
        }
    }

    @Override
    public void resize(int columns, int rows) {
        // There is no terminal.
    }

    @Override
    public synchronized void closeStdin() {
        if (stdinWriter != null) {
            stdinWriter.close();
            stdinWriter = null;
        }
        kept.end();
    }

    @Override
    public synchronized void close() {
        closeStdin();
        given.forEach(Fd::close);
        readers.forEach(Fd::close);
    }
}

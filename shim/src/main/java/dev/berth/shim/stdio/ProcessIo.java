package dev.berth.shim.stdio;

import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The standard streams of one process: what it is born with, and what we keep so that its pipes and its terminal neither
 * break nor lose what nobody has read yet. Thread-safe.
 */
public abstract sealed class ProcessIo implements AutoCloseable permits PipeIo, TerminalIo {
    /** Keeps what must stay open when this supervisor dies. */
    static final class Kept {
        private static final Logger LOG = LoggerFactory.getLogger(Kept.class);

        private final String owner;
        private final String name;
        private @Nullable Holder holder;

        Kept(String owner, String name, @Nullable Holder holder) {
            this.owner = owner;
            this.name = name;
            this.holder = holder;
        }

        String name() {
            return name;
        }

        synchronized void hold(List<Fd> descriptors) throws LinuxException {
            holder = Holder.start(owner, name, descriptors).orElse(null);
        }

        /** What the last supervisor gave into keeping; null if there is nothing. */
        synchronized @Nullable Fd take(int index) {
            try {
                return holder == null ? null : holder.take(index);
            } catch (LinuxException e) {
                LOG.warn("{}: what was kept of its streams is lost: {}", name, e.getMessage());
                return null;
            }
        }

        synchronized void end() {
            if (holder != null) {
                holder.end();
                holder = null;
            }
        }
    }

    /** What becomes the standard input; null is /dev/null. */
    public abstract @Nullable Fd input();

    /** What becomes the standard output; null is /dev/null. */
    public abstract @Nullable Fd output();

    /** What becomes the standard error; null is /dev/null. */
    public abstract @Nullable Fd error();

    /** Where the runtime sends the terminal; null without one. */
    public abstract @Nullable Path consoleSocket();

    /**
     * Called when the runtime has made the process: lets go of what belongs to it, and keeps what it needs of us.
     *
     * @throws IOException if the runtime sent no terminal
     */
    public abstract void attached() throws IOException, InterruptedException;

    /** Sets the size of the terminal; does nothing without one. */
    public abstract void resize(int columns, int rows) throws IOException;

    /** Lets the process see the end of its input, once the client has closed its own end too. */
    public abstract void closeStdin();

    /** The process is gone. */
    @Override
    public abstract void close();
}

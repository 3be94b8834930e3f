package dev.berth.linux;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** A Unix stream socket that waits for connections at a path; the path is removed when it is closed. */
public final class UnixListener implements AutoCloseable {
    private static final int BACKLOG = 16;

    private static final MethodHandle BIND =
            Native.withErrno("bind", Native.INT, Native.INT, Native.POINTER, Native.INT);
    private static final MethodHandle LISTEN = Native.withErrno("listen", Native.INT, Native.INT, Native.INT);
    private static final MethodHandle ACCEPT4 =
            Native.withErrno("accept4", Native.INT, Native.INT, Native.POINTER, Native.POINTER, Native.INT);

    private final Fd fd;
    private final Path path;

    private UnixListener(Fd fd, Path path) {
        this.fd = fd;
        this.path = path;
    }

    /**
     * Begins to listen. Who may connect is decided by the directory.
     *
     * @throws LinuxException EADDRINUSE if there is something of that name; ENAMETOOLONG above 107 bytes
     */
    public static UnixListener bind(Path path) throws LinuxException {
        Fd fd = UnixSocket.create();
        try {
            Native.call("bind a socket to " + path, (memory, errno) -> (int)
                    BIND.invokeExact(errno, fd.number(), UnixSocket.address(memory, path), UnixSocket.addressBytes()));
            Native.call("listen on " + path, (memory, errno) -> (int) LISTEN.invokeExact(errno, fd.number(), BACKLOG));
            return new UnixListener(fd, path);
        } catch (LinuxException | RuntimeException e) {
            fd.close();
            throw e;
        }
    }

    /**
     * Waits for a connection.
     *
     * @throws LinuxException EAGAIN if the time is over
     */
    public UnixSocket accept(Duration limit) throws LinuxException, InterruptedException {
        while (true) {
            try {
                return new UnixSocket(Fd.own(accept()));
            } catch (LinuxException e) {
                if (!e.is(Errno.EAGAIN) || !Poller.awaitReadable(fd, limit)) {
                    throw e;
                }
            }
        }
    }

    private int accept() throws LinuxException {
        fd.use();
        try {
            return (int) Native.call("accept at " + path, (memory, errno) -> (int) ACCEPT4.invokeExact(
                    errno, fd.number(), MemorySegment.NULL, MemorySegment.NULL, Fd.O_CLOEXEC | Fd.O_NONBLOCK));
        } finally {
            fd.done();
        }
    }

    /**
     * Waits for the terminal that an OCI runtime sends to its console socket, and takes it over.
     *
     * @throws LinuxException EAGAIN if the time is over; EPIPE if what came is no single descriptor
     */
    public Pty receiveConsole(Duration limit) throws LinuxException, InterruptedException {
        try (UnixSocket peer = accept(limit)) {
            UnixSocket.Message message = peer.receive(4096, limit); // the bytes are a name that tells nothing
            if (message.descriptors().size() != 1) {
                message.descriptors().forEach(Fd::close);
                throw new LinuxException("receive a terminal at " + path, Errno.EPIPE);
            }
            Fd master = message.descriptors().getFirst();
            try {
                return Pty.ofMaster(master);
            } catch (LinuxException e) {
                master.close();
                throw e;
            }
        }
    }

    @Override
    public void close() {
        fd.close();
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            // Its directory is removed with whatever it was made for; a socket without listener harms nobody.
        }
    }
}

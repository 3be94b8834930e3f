package dev.berth.shim.stdio;

import dev.berth.kernel.Fault;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.LinuxException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** Makes the standard streams of processes, and finds those again that outlived a supervisor. Thread-safe. */
public final class Stdio implements AutoCloseable {
    /** Names of sockets may have 107 bytes, and a directory's name may be longer. */
    private static final int LONGEST_DIRECTORY = 90;

    private final Path directory;
    private final Fd handle;
    private final AtomicLong sockets = new AtomicLong();
    private final Map<String, Holder> orphaned;

    private Stdio(Path directory, Fd handle, Map<String, Holder> orphaned) {
        this.directory = directory;
        this.handle = handle;
        this.orphaned = new ConcurrentHashMap<>(orphaned);
    }

    /**
     * Looks for what the last supervisor left.
     *
     * @param directory for sockets of a moment; its path also tells our processes from those of other supervisors
     */
    public static Stdio open(Path directory) throws IOException {
        Files.createDirectories(
                directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        try (DirectoryStream<Path> old = Files.newDirectoryStream(directory)) {
            for (Path socket : old) {
                Files.deleteIfExists(socket);
            }
        }
        return new Stdio(directory, Fd.open(directory, Fd.O_PATH), Holder.findAll(directory.toString()));
    }

    private Path socket() {
        Path where = directory.toString().length() <= LONGEST_DIRECTORY
                ? directory
                : handle.procPathFor(ProcessHandle.current().pid());
        return where.resolve(sockets.incrementAndGet() + ".sock");
    }

    /**
     * Opens the streams of a process that is about to be made. The FIFOs are the client's; an empty path is /dev/null.
     *
     * @param name of the process; unique among those that live
     * @param stderr not used with a terminal
     * @throws Fault NOT_FOUND if a FIFO is not there
     */
    public ProcessIo open(String name, boolean terminal, String stdin, String stdout, String stderr) {
        try {
            ProcessIo.Kept kept = new ProcessIo.Kept(directory.toString(), name, null);
            return terminal ? TerminalIo.open(kept, stdin, stdout, socket()) : PipeIo.open(kept, stdin, stdout, stderr);
        } catch (LinuxException e) {
            throw fault(name, e);
        }
    }

    private static Fault fault(String name, LinuxException e) {
        String what = "open the streams of " + name;
        String why = String.valueOf(e.getMessage());
        Fault fault = switch (e.errno()) {
            case Errno.ENOENT, Errno.ENOTDIR -> Fault.notFound(what, why, "Make the FIFOs first");
            case Errno.ENXIO, Errno.EISDIR -> Fault.invalid(what, why, "Give FIFOs");
            case Errno.EMFILE -> Fault.exhausted(what, why, "Raise the limit of open files");
            default -> Fault.internal(what, why, "");
        };
        return fault.causedBy(e);
    }

    /** Takes up the streams of a running process again, as far as they can be; each process once. */
    public ProcessIo reopen(String name, boolean terminal, String stdin, String stdout, String stderr) {
        ProcessIo.Kept kept = new ProcessIo.Kept(directory.toString(), name, orphaned.remove(name));
        return terminal ? TerminalIo.reopen(kept, stdin, stdout) : PipeIo.reopen(kept, stdout, stderr);
    }

    /** Ends what was kept for processes that nobody took up again: they ended while there was no supervisor. */
    public void tidy() {
        orphaned.values().forEach(Holder::end);
        orphaned.clear();
    }

    /** Lets go of what was not taken up; it stays for the next supervisor. */
    @Override
    public void close() {
        orphaned.values().forEach(Holder::close);
        orphaned.clear();
        handle.close();
    }
}

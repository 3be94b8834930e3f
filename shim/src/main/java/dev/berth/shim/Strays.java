package dev.berth.shim;

import dev.berth.linux.LinuxException;
import dev.berth.linux.Pidfd;
import dev.berth.linux.Signals;
import dev.berth.linux.Subreaper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** Programs that an earlier supervisor started and nobody knows any more, recognised by a path among their arguments. */
final class Strays {
    private static final Path PROC = Path.of("/proc");

    private Strays() {}

    /**
     * Kills all whose arguments hold a path, or one below it.
     *
     * @return how many there were
     */
    static int kill(String path, Duration limit) throws IOException, InterruptedException {
        int killed = 0;
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
            for (Path process : processes) {
                int pid = Integer.parseInt(String.valueOf(process.getFileName()));
                if (pid != ProcessHandle.current().pid() && names(pid, path) && kill(pid, path, limit)) {
                    killed++;
                }
            }
        }
        return killed;
    }

    private static boolean names(int pid, String path) {
        try {
            byte[] arguments =
                    Files.readAllBytes(PROC.resolve(Integer.toString(pid)).resolve("cmdline"));
            for (String argument : new String(arguments, StandardCharsets.UTF_8).split("\0", -1)) {
                if (argument.equals(path) || argument.startsWith(path + "/")) {
                    return true;
                }
            }
            return false;
        } catch (IOException e) {
            return false; // it has just ended
        }
    }

    /** Looks again once it has hold of the process: the number may have been given to another in between. */
    private static boolean kill(int pid, String path, Duration limit) throws IOException, InterruptedException {
        try (Pidfd process = Pidfd.open(pid)) {
            if (!names(pid, path) || !process.signal(Signals.KILL)) {
                return false;
            }
            boolean ended = process.awaitExit(limit);
            if (!ended) {
                throw new IOException("process " + pid + " cannot be killed");
            }
            reapIfOurs(pid);
            return true;
        } catch (LinuxException e) {
            if (Files.exists(PROC.resolve(Integer.toString(pid)))) {
                throw e;
            }
            return false;
        }
    }

    private static void reapIfOurs(int pid) {
        try {
            Subreaper.reap(pid);
        } catch (LinuxException e) {
            return; // no child of ours
        }
    }
}

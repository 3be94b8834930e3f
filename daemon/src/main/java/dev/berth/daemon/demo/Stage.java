package dev.berth.daemon.demo;

import dev.berth.daemon.cli.CriClient;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Child;
import dev.berth.linux.Fd;
import dev.berth.linux.Signals;
import dev.berth.wire.cri.VersionRequest;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A daemon of its own for the demo: a child process with its own folders, socket and bridge. */
final class Stage implements AutoCloseable {
    private static final Duration START_LIMIT = Duration.ofSeconds(30);
    private static final Duration STOP_LIMIT = Duration.ofSeconds(15);

    private final Path folder;
    private final Child daemon;
    private final Ticker ticker;
    private boolean keep;

    private Stage(Path folder, Child daemon, Ticker ticker) {
        this.folder = folder;
        this.daemon = daemon;
        this.ticker = ticker;
    }

    /**
     * Starts the daemon and waits until it answers. All that it writes is in its state directory, the demo's folder: so a reset
     * leaves nothing of it.
     *
     * @param registry authority of the registry on loopback, which speaks plain HTTP
     */
    static Stage start(Path folder, String registry, Ticker ticker) throws IOException, InterruptedException {
        make(folder);
        Path hosts = Files.createDirectories(folder.resolve("certs.d").resolve(registry));
        Files.writeString(hosts.resolve("hosts.toml"), "server = \"http://" + registry + "\"\n");
        Files.writeString(config(folder), """
                root = "%1$s/root"
                state = "%1$s"
                [registry]
                config_path = "%1$s/certs.d"
                [network]
                mode = "builtin"
                bridge = "berthdemo0"
                """.formatted(folder));
        var stage = new Stage(
                folder, spawn(folder, "daemon", "--config", config(folder).toString()), ticker);
        try {
            stage.awaitAnswer();
            return stage;
        } catch (RuntimeException | InterruptedException e) {
            stage.close();
            throw e;
        }
    }

    private static void make(Path folder) throws IOException {
        try {
            Files.createDirectory(
                    folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (FileAlreadyExistsException e) {
            throw Fault.alreadyExists(
                            "run the demo",
                            folder + " is there: another demo runs or was kept",
                            "End its daemon (" + folder.resolve("daemon.lock") + " has its number), then:"
                                    + " ./berth reset --yes --config " + config(folder))
                    .causedBy(e);
        }
    }

    static Path config(Path folder) {
        return folder.resolve("berth.toml");
    }

    Path socket() {
        return folder.resolve("berth.sock");
    }

    int pid() {
        return daemon.pid();
    }

    /** Leaves the daemon running when this is closed. */
    void keep() {
        keep = true;
    }

    private void awaitAnswer() throws InterruptedException, IOException {
        long start = ticker.nanos();
        while (true) {
            try (var client = CriClient.open(socket())) {
                client.runtime(Duration.ofSeconds(5)).version(VersionRequest.getDefaultInstance());
                return;
            } catch (StatusRuntimeException notYet) {
                boolean ended = daemon.await(Duration.ofMillis(50)).isPresent();
                if (ended || ticker.since(start).compareTo(START_LIMIT) > 0) {
                    throw Fault.unavailable(
                                    "start the demo's daemon",
                                    ended ? "it ended at once" : "it does not answer",
                                    "Its log:\n" + log())
                            .causedBy(notYet);
                }
            }
        }
    }

    String log() throws IOException {
        Path log = folder.resolve("daemon.log");
        return Files.exists(log) ? Files.readString(log) : "(empty)";
    }

    /** Ends the daemon and removes what it kept, unless {@link #keep} was called. */
    @Override
    public void close() throws IOException {
        if (keep) {
            return;
        }
        boolean interrupted = Thread.interrupted(); // by Ctrl-C, which is why we are here
        try {
            end();
        } catch (InterruptedException e) {
            interrupted = true;
            throw new IOException("interrupted while ending the demo's daemon", e);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void end() throws IOException, InterruptedException {
        if (daemon.await(Duration.ZERO).isEmpty()) {
            Signals.send(daemon.pid(), Signals.TERM);
            if (daemon.await(STOP_LIMIT).isEmpty()) {
                daemon.kill();
            }
        }
        try (Child reset =
                spawn(folder, "reset", "--yes", "--config", config(folder).toString())) {
            var exit = reset.await(Duration.ofMinutes(1));
            if (exit.isEmpty() || exit.get().code() != 0) {
                throw Fault.internal("clean up after the demo", "berth reset failed", "Its log:\n" + log());
            }
        }
    }

    /** Runs this same program with other arguments, its output in the demo's folder. */
    private static Child spawn(Path folder, String... arguments) throws IOException {
        var argv = new ArrayList<String>();
        for (String word : Files.readString(Path.of("/proc/self/cmdline")).split("\0", -1)) {
            argv.add(word);
            if (word.equals("dev.berth.daemon.Main")) {
                break;
            }
        }
        argv.addAll(List.of(arguments));
        Path program = Path.of("/proc/self/exe").toRealPath();
        try (Fd log = Fd.open(folder.resolve("daemon.log"), Fd.O_WRONLY | Fd.O_CREAT | Fd.O_APPEND, 0600)) {
            return Child.command(program, argv)
                    .environment(System.getenv())
                    .stdio(null, log, log)
                    .newSession()
                    .spawn();
        }
    }
}

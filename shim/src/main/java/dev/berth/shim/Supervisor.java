package dev.berth.shim;

import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.Subreaper;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.shim.journal.Journal;
import dev.berth.shim.runtime.Runtimes;
import dev.berth.shim.stdio.Pumps;
import dev.berth.ttrpc.TtrpcServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/** The running supervisor: everything that it consists of, made in order and closed in reverse. */
final class Supervisor implements AutoCloseable {
    static final String VERSION = "0.1.0";
    private static final Duration GRACE = Duration.ofSeconds(5);

    private final CountDownLatch end;
    private final StateDir directories;
    private final Ledger ledger;
    private final Pumps pumps;
    private final TtrpcServer server;

    private Supervisor(CountDownLatch end, StateDir directories, Ledger ledger, Pumps pumps, TtrpcServer server) {
        this.end = end;
        this.directories = directories;
        this.ledger = ledger;
        this.pumps = pumps;
        this.server = server;
    }

    /** Starts to serve. */
    static Supervisor open(Options options, InstantSource clock, Ticker ticker)
            throws IOException, InterruptedException {
        Subreaper.enable();
        StateDir directories = StateDir.open(options.state());
        Ledger ledger = Ledger.open(Journal.open(directories.journal(), new LinuxDisk()), clock);
        Pumps pumps = new Pumps(clock);
        Runtimes runtimes = Runtimes.find(options.runtimes(), path(), directories.scratch(), Births.plain());
        Workshop workshop = new Workshop(directories, runtimes, Cgroups.detect(ticker), Births.hasHybridControllers());
        Tasks tasks = new Tasks(new TaskProcess.Context(ledger, pumps, clock, ticker), workshop);
        CountDownLatch end = new CountDownLatch(1);
        long pid = ProcessHandle.current().pid();
        TtrpcServer server = TtrpcServer.listen(
                directories.socket(),
                ticker,
                new TaskService(tasks, pid, VERSION).service(),
                new SupervisorService(
                                new SupervisorService.Self(pid, VERSION, clock.instant()),
                                runtimes,
                                tasks,
                                ledger,
                                pumps,
                                end::countDown)
                        .service());
        return new Supervisor(end, directories, ledger, pumps, server);
    }

    private static List<Path> path() {
        String path = System.getenv().getOrDefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        return Arrays.stream(path.split(":", -1))
                .map(Path::of)
                .filter(Files::isDirectory)
                .toList();
    }

    /** Waits until a client asks for the end, and then until no call is running, for some seconds. */
    void awaitEnd() throws InterruptedException {
        end.await();
        server.shutdown(GRACE);
    }

    @Override
    public void close() throws IOException {
        server.close();
        pumps.close();
        ledger.close();
        directories.close();
    }
}

package dev.berth.shim;

import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.linux.Subreaper;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.shim.journal.Journal;
import dev.berth.shim.runtime.Criu;
import dev.berth.shim.runtime.RuntimeProgram;
import dev.berth.shim.runtime.Runtimes;
import dev.berth.shim.runtime.SeccompCache;
import dev.berth.shim.stdio.Pumps;
import dev.berth.shim.stdio.Stdio;
import dev.berth.ttrpc.TtrpcServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The running supervisor: everything that it consists of, made in order and closed in reverse. */
final class Supervisor implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Supervisor.class);
    private static final Duration GRACE = Duration.ofSeconds(5);

    private final CountDownLatch end;
    private final TtrpcServer server;
    private final List<AutoCloseable> parts;

    private Supervisor(CountDownLatch end, TtrpcServer server, AutoCloseable... parts) {
        this.end = end;
        this.server = server;
        this.parts = List.of(parts);
    }

    /** Starts to serve. */
    static Supervisor open(Options options, InstantSource clock, Ticker ticker)
            throws IOException, InterruptedException {
        Subreaper.enable();
        StateDir directories = StateDir.open(options.state());
        Ledger ledger = Ledger.open(Journal.open(directories.journal(), new LinuxDisk()), clock);
        Pumps pumps = Pumps.open(directories.pumps(), clock, ticker);
        Outputs outputs = new Outputs(ledger, pumps);
        Stdio stdio = Stdio.open(directories.streams());
        Vault vault = Vault.open(directories.vaultPin(), directories.vault());
        Pins pins = new Pins(vault);
        Cgroups cgroups = Cgroups.detect(ticker);
        RuntimeTrial.tidy(directories.scratch(), cgroups);
        Nothing nothing = Nothing.make();
        Births births = new Births(Births.hasHybridControllers(), nothing, path());
        Shortcuts shortcuts = new Shortcuts(
                options.shortcuts(),
                new SealedCopies(options.shortcuts().contains(Shortcut.SEALED_COPY)),
                new SeccompCache(directories.seccomp()));
        Runtimes runtimes = runtimes(options, directories, births);
        PodMemory memory = new PodMemory(vault, directories.vaultPods(), directories.sharedMemory());
        Workshop workshop = new Workshop(
                new Workshop.Tools(
                        directories,
                        runtimes,
                        births,
                        cgroups,
                        memory,
                        shortcuts,
                        new Criu(births.path(), directories.criu(), runtimes)),
                pins);
        TaskProcess.Context context = new TaskProcess.Context(
                ledger, outputs, pins, stdio, new OomReports(ledger), new TaskProcess.Time(clock, ticker));
        Tasks tasks = new Tasks(context, workshop);
        outputs.resume();
        tasks.adopt();
        stdio.tidy();
        PodInit init = new PodInit(tasks, directories.inits(), path());
        Pods pods = new Pods(ledger, vault, memory, init, tasks, clock);
        pods.adopt();
        CountDownLatch end = new CountDownLatch(1);
        SupervisorService.Self self = new SupervisorService.Self(
                ProcessHandle.current().pid(), options.version(), clock.instant(), end::countDown);
        TtrpcServer server = TtrpcServer.listen(
                directories.socket(),
                ticker,
                new TaskService(tasks, self).service(),
                new SandboxService(pods).service(),
                new SupervisorService(self, runtimes, tasks, ledger, outputs, new Running(tasks, pods)).service());
        return new Supervisor(
                end,
                server,
                Janitor.start(tasks, ticker),
                runtimes,
                pumps,
                stdio,
                shortcuts.copies(),
                vault,
                nothing,
                ledger,
                directories);
    }

    private static Runtimes runtimes(Options options, StateDir directories, Births births) {
        return Runtimes.find(
                options.runtimes(),
                path(),
                directories.scratch(),
                births.of(RuntimeProgram.Kind.OTHER, null),
                new RuntimeTrial(directories.scratch(), births));
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

    /** Stops serving; containers live on. */
    @Override
    public void close() {
        server.close();
        for (AutoCloseable part : parts) {
            try {
                part.close();
            } catch (Exception e) {
                LOG.warn("closing {}", part.getClass().getSimpleName(), e);
            }
        }
    }
}

package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * The built program as a user starts it, with folders, a socket and a bridge of its own, beside a registry on loopback that
 * serves an image of this machine's busybox.
 */
final class Berth implements AutoCloseable {
    /** For whatever must come, on the slowest machine: only what never comes reaches it. */
    static final Duration LIMIT = Duration.ofMinutes(3);

    private static final Path LAUNCHER = Project.ROOT.resolve("berth");
    private static final int LAST_LINES = 60;
    private static final Ticker TICKER = Ticker.system();

    private final String name = "btv" + Ids.random().substring(0, 6);
    private final Path folder = Path.of("/var/lib", name);
    private final ServedRegistry registry;
    private Path launcher = LAUNCHER;
    private String programs = "";
    private Process daemon;

    private Berth(ServedRegistry registry, Process daemon) {
        this.registry = registry;
        this.daemon = daemon;
    }

    /** Starts with the built-in network. */
    static Berth start() throws IOException, InterruptedException {
        return connected("");
    }

    /** Starts with the built-in network and more tables of config. */
    static Berth connected(String tables) throws IOException, InterruptedException {
        return connected(tables, _ -> {});
    }

    static Berth connected(String tables, Preparation preparation) throws IOException, InterruptedException {
        return start("", """
                [network]
                mode = "builtin"
                bridge = "%1$s"
                subnets = ["10.88.%2$d.0/24"]
                """ + tables, preparation);
    }

    /** The same with the handler {@code runc-new} beside those that are found: the newest runc, or the machine's if there is none. */
    static Berth withNewRunc() throws IOException, InterruptedException {
        Path runc = Peers.path("runc").orElse(Path.of("/usr/sbin/runc"));
        return connected("[runtime.runc-new]\npath = \"" + runc + "\"\n");
    }

    /** @param more lines of config below the first ones, as {@link #start(String, String, Preparation)} has it */
    static Berth start(String more) throws IOException, InterruptedException {
        return start("", more, _ -> {});
    }

    /** Something that a test puts into the folder before the daemon starts. */
    interface Preparation {
        void in(Path folder) throws IOException;
    }

    static Berth start(String top, String more) throws IOException, InterruptedException {
        return start(top, more, _ -> {});
    }

    /**
     * @param top settings that belong to no table
     * @param more lines of config; {@code %1$s} is a name for a bridge, {@code %2$d} a number for a range
     */
    static Berth start(String top, String more, Preparation preparation) throws IOException, InterruptedException {
        ServedRegistry registry = ServedRegistry.start();
        registry.add("busybox", "latest", Busybox.image().build());
        registry.add(
                "other", "latest", Busybox.image().env("OTHER=yes", "PATH=/bin").build());
        var berth = new Berth(registry, new ProcessBuilder("true").start());
        Leaks.mark(berth.name);
        Files.createDirectories(berth.logs());
        berth.trust(registry.authority());
        int range = 100 + Math.floorMod(berth.name.hashCode(), 100);
        Files.writeString(
                berth.config(),
                top
                        + "root = \"%1$s/root\"%nstate = \"%1$s/state\"%n[registry]%nconfig_path = \"%1$s/certs.d\"%n"
                                .formatted(berth.folder)
                        + more.formatted(berth.name, range));
        try {
            preparation.in(berth.folder);
            berth.launch();
        } catch (RuntimeException | InterruptedException | IOException | AssertionError e) {
            berth.close();
            throw e;
        }
        return berth;
    }

    /** Starts the daemon, anew if it was killed before, and waits until it answers. */
    void launch() throws IOException, InterruptedException {
        exec();
        try {
            until("the daemon answers", LIMIT, () -> crictl("version").exit() == 0 || !daemon.isAlive());
            assertThat(daemon.isAlive()).as("the daemon lives").isTrue();
        } catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + "\n" + lastLines(log()), e);
        }
    }

    /** Starts the daemon and waits for nothing. */
    void exec() throws IOException {
        ProcessBuilder command = command(launcher, "daemon", "--config", config().toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()));
        if (!programs.isEmpty()) {
            command.environment().merge("PATH", programs, (path, first) -> first + ":" + path);
        }
        daemon = command.start();
    }

    /** Has the next daemon look for programs there first. */
    void path(Path directory) {
        programs = directory.toString();
    }

    /** Has the next daemon be that of another installation. */
    void launcher(Path other) {
        launcher = other;
    }

    void kill() throws InterruptedException {
        daemon.destroyForcibly();
        assertThat(ended(daemon)).as("the daemon is gone after SIGKILL").isTrue();
    }

    /** Kills the supervisor and waits until it is gone. */
    void killSupervisor() {
        ProcessHandle supervisor = supervisor().orElseThrow();
        supervisor.destroyForcibly();
        supervisor.onExit().orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS).join();
    }

    /** Waits for a process; false if it does not end. */
    static boolean ended(Process process) throws InterruptedException {
        return process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS);
    }

    /**
     * What a reboot leaves: every process is gone, and everything below the state directory.
     *
     * @param ids the pods and containers that run
     */
    void reboot(List<String> ids) throws InterruptedException {
        kill();
        supervisors().forEach(ProcessHandle::destroyForcibly);
        ProcessHandle.allProcesses()
                .filter(process -> {
                    String cgroup = read(Path.of("/proc/" + process.pid() + "/cgroup"));
                    return ids.stream().anyMatch(cgroup::contains);
                })
                .forEach(ProcessHandle::destroyForcibly);
        until(
                "the cgroups are gone",
                LIMIT,
                () -> cgroups(ids).stream().allMatch(folder -> folder.toFile().delete()));
        List<String> mounts = read(Path.of("/proc/self/mountinfo"))
                .lines()
                .map(line -> line.split(" ", -1)[4])
                .filter(target -> target.startsWith(state() + "/"))
                .toList();
        mounts.reversed().forEach(mount -> run(List.of("umount", "-l", mount)));
        assertThat(run(List.of("rm", "-rf", state().toString())).exit()).isZero();
    }

    private static List<Path> cgroups(List<String> ids) {
        return Inventory.take().stream()
                .filter(fact -> fact.kind() == Inventory.Kind.CGROUP)
                .map(fact -> Path.of(fact.text()))
                .filter(folder -> ids.stream().anyMatch(folder.getFileName().toString()::contains))
                .toList();
    }

    /** The supervisor of this daemon; there is one as soon as recovery is through. */
    Optional<ProcessHandle> supervisor() {
        return supervisors().findFirst();
    }

    /**
     * Every process that is one or is about to be: there must never be two. A child of one, which is about to be a runtime, has its
     * command for a moment and is none.
     */
    Stream<ProcessHandle> supervisors() {
        return ProcessHandle.allProcesses()
                .filter(this::isSupervisor)
                .filter(process -> process.parent().filter(this::isSupervisor).isEmpty());
    }

    private boolean isSupervisor(ProcessHandle process) {
        String command = read(Path.of("/proc/" + process.pid() + "/cmdline"));
        return command.contains("dev.berth.shim.Main") && command.contains(state().toString() + "\0");
    }

    Process daemon() {
        return daemon;
    }

    Path config() {
        return folder.resolve("berth.toml");
    }

    Path state() {
        return folder.resolve("state");
    }

    Path root() {
        return folder.resolve("root");
    }

    Path logs() {
        return folder.resolve("logs");
    }

    Path log() {
        return folder.resolve("daemon.log");
    }

    Path folder() {
        return folder;
    }

    ServedRegistry registry() {
        return registry;
    }

    /** Lets a registry be asked without TLS. */
    void trust(String authority) throws IOException {
        Path hosts = Files.createDirectories(folder.resolve("certs.d").resolve(authority));
        Files.writeString(hosts.resolve("hosts.toml"), "server = \"http://" + authority + "\"\n");
    }

    String image(String repository) {
        return registry.authority() + "/" + repository + ":latest";
    }

    /** What a command printed and how it ended. */
    record Result(int exit, String out, String err) {
        /** What it printed without the last line's end, if it ended well. */
        String text() {
            assertThat(exit).as(err).isZero();
            return out.strip();
        }
    }

    /** Runs the real crictl against this daemon. */
    Result crictl(String... arguments) {
        String endpoint = "unix://" + state().resolve("berth.sock");
        var command = new ArrayList<>(List.of(
                Peers.path("crictl").orElseThrow().toString(),
                "--runtime-endpoint",
                endpoint,
                "--image-endpoint",
                endpoint,
                "--timeout",
                LIMIT.toSeconds() + "s"));
        command.addAll(List.of(arguments));
        Result result = run(command);
        Leaks.markIds(result.out());
        return result;
    }

    /** Runs a command of the program itself. */
    static ProcessBuilder berth(String... arguments) {
        return command(LAUNCHER, arguments);
    }

    private static ProcessBuilder command(Path launcher, String... arguments) {
        var command = new ArrayList<String>();
        command.addAll(List.of("env", "--default-signal=HUP,INT")); // who started the tests, as nohup, may ignore them
        command.add(launcher.toString());
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command);
    }

    static Result run(List<String> command) {
        try {
            Path out = Files.createTempFile("berth", "out");
            Path err = Files.createTempFile("berth", "err");
            try {
                Process process = new ProcessBuilder(command)
                        .redirectOutput(out.toFile())
                        .redirectError(err.toFile())
                        .start();
                if (!ended(process)) {
                    process.destroyForcibly();
                    throw new AssertionError("still running after " + LIMIT + ": " + command);
                }
                return new Result(process.exitValue(), read(out), read(err));
            } finally {
                Files.delete(out);
                Files.delete(err);
            }
        } catch (IOException e) {
            throw new AssertionError(command.toString(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    /** Waits for a condition, looking every 50 ms. */
    static void until(String what, Duration limit, BooleanSupplier condition) throws InterruptedException {
        long start = TICKER.nanos();
        while (!condition.getAsBoolean()) {
            assertThat(TICKER.since(start)).as("waiting until " + what).isLessThan(limit);
            TICKER.sleep(Duration.ofMillis(50));
        }
    }

    static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException gone) {
            return "";
        }
    }

    /** Ends everything; what is left after this is a leak. */
    @Override
    public void close() throws IOException {
        try {
            end();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while ending " + name, e);
        }
    }

    private void end() throws IOException, InterruptedException {
        registry.close();
        daemon.destroy();
        boolean obeyed = ended(daemon);
        if (!obeyed) {
            run(List.of("kill", "-QUIT", Long.toString(daemon.pid()))); // its threads are then in its log
            kill();
        }
        String logs = lastLines(log()) + lastLines(state().resolve("supervisor.log"));
        Path said = folder.resolve("reset.log");
        Process reset = berth("reset", "--yes", "--config", config().toString())
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        boolean done = ended(reset);
        reset.destroyForcibly().waitFor();
        assertThat(done && reset.exitValue() == 0)
                .as(() -> "reset " + (done ? "ends well" : "ends") + "; " + lastLines(said) + logs)
                .isTrue();
        Leaks.markIds(read(log()));
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
        Leaks.audit(name, logs);
        assertThat(obeyed).as("the daemon ended when it was told to; " + logs).isTrue();
    }

    private static String lastLines(Path file) {
        List<String> lines = read(file).lines().toList();
        int first = Math.max(0, lines.size() - LAST_LINES);
        return "the end of " + file.getFileName() + ":\n" + String.join("\n", lines.subList(first, lines.size()))
                + "\n";
    }
}

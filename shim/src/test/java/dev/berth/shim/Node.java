package dev.berth.shim;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Child;
import dev.berth.linux.Errno;
import dev.berth.linux.Fd;
import dev.berth.linux.Fifo;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Subreaper;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.ttrpc.TtrpcClient;
import dev.berth.wire.shim.options.CheckpointOptions;
import dev.berth.wire.shim.options.Options;
import dev.berth.wire.shim.supervisor.Event;
import dev.berth.wire.shim.supervisor.EventsRequest;
import dev.berth.wire.shim.supervisor.ExitRequest;
import dev.berth.wire.shim.supervisor.ExitResponse;
import dev.berth.wire.shim.supervisor.InfoRequest;
import dev.berth.wire.shim.supervisor.InfoResponse;
import dev.berth.wire.shim.supervisor.PumpRequest;
import dev.berth.wire.shim.supervisor.PumpResponse;
import dev.berth.wire.shim.supervisor.RunExecRequest;
import dev.berth.wire.shim.supervisor.RunExecResponse;
import dev.berth.wire.shim.supervisor.TaskSummary;
import dev.berth.wire.shim.supervisor.TasksRequest;
import dev.berth.wire.shim.supervisor.TasksResponse;
import dev.berth.wire.shim.task.CheckpointTaskRequest;
import dev.berth.wire.shim.task.CreateTaskRequest;
import dev.berth.wire.shim.task.CreateTaskResponse;
import dev.berth.wire.shim.task.DeleteRequest;
import dev.berth.wire.shim.task.DeleteResponse;
import dev.berth.wire.shim.task.ExecProcessRequest;
import dev.berth.wire.shim.task.KillRequest;
import dev.berth.wire.shim.task.StartRequest;
import dev.berth.wire.shim.task.StartResponse;
import dev.berth.wire.shim.task.StateRequest;
import dev.berth.wire.shim.task.StateResponse;
import dev.berth.wire.shim.task.WaitRequest;
import dev.berth.wire.shim.task.WaitResponse;
import dev.berth.wire.shim.types.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A supervisor with a state directory of its own, in this process or in one of its own that can be killed, and a client that
 * speaks to it over its socket.
 */
final class Node {
    static final String NAMESPACE = "k8s.io";
    static final String TASK = "containerd.task.v3.Task";
    static final String SUPERVISOR = "dev.berth.supervisor.v1.Supervisor";
    static final Duration LIMIT = Duration.ofMinutes(2);

    /** A container as a test made it. */
    record Container(String id, Path directory, Path bundle, Path log) {}

    /** Part of the name of everything that this node makes on the machine. */
    final String mark = "bt" + Ids.random().substring(0, 8);

    final Path directory;
    private final Path busybox;
    private @Nullable Machine before;
    private final List<String> ids = new ArrayList<>();
    private final List<String> options = new ArrayList<>();
    private @Nullable Supervisor inside;
    private @Nullable Child outside;
    private @Nullable TtrpcClient client;
    private @Nullable Thread reaper;

    private Node(Path busybox, String... options) throws IOException, InterruptedException {
        this.busybox = busybox;
        directory = Files.createTempDirectory(mark);
        this.options.addAll(List.of("--state", directory.resolve("state").toString()));
        this.options.addAll(List.of(options));
    }

    /** A supervisor in this process. */
    static Node inside(Path busybox, String... options) throws IOException, InterruptedException {
        Node node = new Node(busybox, options);
        node.inside =
                Supervisor.open(dev.berth.shim.Options.parse(node.options), InstantSource.system(), Ticker.system());
        node.connect();
        return node;
    }

    /** A supervisor in a process of its own. Orphans that it leaves are reaped, as the machine's init would. */
    static Node outside(Path busybox, String... options) throws IOException, InterruptedException {
        Subreaper.enable();
        Node node = new Node(busybox, options);
        node.reaper = Thread.ofVirtual().start(node::reap);
        node.launch();
        return node;
    }

    private void reap() {
        try {
            while (true) {
                Child ours = outside;
                for (int pid : Subreaper.ended()) {
                    if (ours == null || pid != ours.pid()) {
                        reap(pid);
                    }
                }
                Ticker.system().sleep(Duration.ofMillis(5));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void reap(int pid) throws IOException {
        try {
            Subreaper.reap(pid);
        } catch (LinuxException e) {
            if (!e.is(Errno.ECHILD)) {
                throw e; // else a test that has started it was quicker
            }
        }
    }

    /** Starts a supervisor in a process of its own and waits until it answers. */
    void launch() throws IOException, InterruptedException {
        List<String> argv = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xshare:auto",
                "-Xmx128m",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
        argv.addAll(options);
        Path log = directory.resolve("supervisor.log");
        try (Fd output = Fd.open(log, Fd.O_WRONLY | Fd.O_CREAT | Fd.O_APPEND, 0600)) {
            outside = Child.command(Path.of(argv.getFirst()), argv)
                    .environment(System.getenv())
                    .stdio(null, output, output)
                    .newSession()
                    .spawn();
        }
        connect();
    }

    private void connect() throws IOException, InterruptedException {
        Path socket = directory.resolve("state/supervisor.sock");
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        while (client == null) {
            try {
                client = TtrpcClient.connect(socket, ticker);
            } catch (IOException e) {
                if (ticker.since(start).compareTo(LIMIT) > 0) {
                    throw new IOException(Files.readString(directory.resolve("supervisor.log")), e);
                }
                ticker.sleep(Duration.ofMillis(10));
            }
        }
        InfoRequest tried = InfoRequest.newBuilder().setAwaitRuntimes(true).build();
        call(SUPERVISOR, "Info", tried, InfoResponse.parser());
        if (before == null) {
            before = look();
        }
    }

    /** The supervisor's process id. */
    int pid() {
        return Objects.requireNonNull(outside).pid();
    }

    /** Ends the supervisor by SIGKILL. */
    void crash() throws IOException, InterruptedException {
        Objects.requireNonNull(outside).kill();
        awaitCrash();
    }

    /** Waits until the supervisor has been killed by somebody else. */
    void awaitCrash() throws IOException, InterruptedException {
        try (Child child = Objects.requireNonNull(outside)) {
            child.await(LIMIT);
        }
        outside = null;
        Objects.requireNonNull(client).close();
        client = null;
    }

    /** Writes a bundle with an overlay of its own; nothing is running yet. */
    Container container(Busybox.Config config) throws IOException {
        String id = "c" + Ids.random().substring(0, 10);
        ids.add(id);
        Path place = Files.createDirectories(directory.resolve(id));
        Path bundle = Files.createDirectory(place.resolve("bundle"));
        Files.createDirectory(place.resolve("upper"));
        Files.createDirectory(place.resolve("work"));
        Fifo.create(place.resolve("stdout"), 0600);
        Fifo.create(place.resolve("stderr"), 0600);
        Fifo.create(place.resolve("stdin"), 0600);
        config.cgroup("/" + mark + "/" + id).write(bundle);
        return new Container(id, place, bundle, place.resolve("log"));
    }

    Mount overlay(Container container) {
        return Mount.newBuilder()
                .setType("overlay")
                .setSource("overlay")
                .addOptions("lowerdir=" + busybox)
                .addOptions("upperdir=" + container.directory().resolve("upper"))
                .addOptions("workdir=" + container.directory().resolve("work"))
                .build();
    }

    CreateTaskRequest.Builder request(Container container, String runtime) {
        return CreateTaskRequest.newBuilder()
                .setId(container.id())
                .setBundle(container.bundle().toString())
                .addRootfs(overlay(container))
                .setStdout(container.directory().resolve("stdout").toString())
                .setStderr(container.directory().resolve("stderr").toString())
                .setOptions(Edge.any(Options.newBuilder().setBinaryName(runtime).build()));
    }

    /** Begins to read the output into the log and makes the container. */
    int create(Container container, String runtime) {
        pump(container.id(), "", container.directory(), container.log());
        return call("Create", request(container, runtime).build(), CreateTaskResponse.parser())
                .getPid();
    }

    void pump(String id, String execId, Path fifos, Path log) {
        call(
                SUPERVISOR,
                "Pump",
                PumpRequest.newBuilder()
                        .setNamespace(NAMESPACE)
                        .setId(id)
                        .setExecId(execId)
                        .setStdout(fifos.resolve("stdout").toString())
                        .setStderr(fifos.resolve("stderr").toString())
                        .setLogPath(log.toString())
                        .build(),
                PumpResponse.parser());
    }

    /** Makes a container that goes on from a checkpoint when it is started. */
    void createFrom(Path images, Container container, String runtime) {
        pump(container.id(), "", container.directory(), container.log());
        CreateTaskRequest request =
                request(container, runtime).setCheckpoint(images.toString()).build();
        if (call("Create", request, CreateTaskResponse.parser()).getPid() != 0) {
            throw new AssertionError("it has a process before its start");
        }
    }

    /** Writes down the state of a container. */
    void checkpoint(Container container, Path images, CheckpointOptions options, Duration limit) {
        CheckpointTaskRequest request = CheckpointTaskRequest.newBuilder()
                .setId(container.id())
                .setPath(images.toString())
                .setOptions(Edge.any(options))
                .build();
        call(TASK, "Checkpoint", request, com.google.protobuf.Empty.parser(), limit);
    }

    int start(Container container) {
        return start(container, "");
    }

    int start(Container container, String execId) {
        StartRequest request = StartRequest.newBuilder()
                .setId(container.id())
                .setExecId(execId)
                .build();
        return call("Start", request, StartResponse.parser()).getPid();
    }

    /** Announces an exec whose output goes to its own log. */
    Path exec(Container container, String execId, Busybox.Config process) throws IOException {
        ExecProcessRequest request = prepare(container, execId, process);
        call("Exec", request, com.google.protobuf.Empty.parser());
        return Path.of(request.getStdout()).resolveSibling("log");
    }

    /** Runs an exec to its end, or for so many milliseconds, and removes it if it has ended. */
    RunExecResponse runExec(Container container, String execId, Busybox.Config process, long millis)
            throws IOException {
        RunExecRequest request = RunExecRequest.newBuilder()
                .setExec(prepare(container, execId, process))
                .setLimitMillis(millis)
                .build();
        return call(SUPERVISOR, "RunExec", request, RunExecResponse.parser());
    }

    private ExecProcessRequest prepare(Container container, String execId, Busybox.Config process) throws IOException {
        Path place = Files.createDirectory(container.directory().resolve("exec-" + execId));
        Fifo.create(place.resolve("stdout"), 0600);
        Fifo.create(place.resolve("stderr"), 0600);
        pump(container.id(), execId, place, place.resolve("log"));
        return ExecProcessRequest.newBuilder()
                .setId(container.id())
                .setExecId(execId)
                .setStdout(place.resolve("stdout").toString())
                .setStderr(place.resolve("stderr").toString())
                .setSpec(Any.newBuilder().setValue(ByteString.copyFromUtf8(process.processJson())))
                .build();
    }

    WaitResponse await(Container container, String execId) {
        WaitRequest request =
                WaitRequest.newBuilder().setId(container.id()).setExecId(execId).build();
        return call("Wait", request, WaitResponse.parser());
    }

    void kill(Container container, int signal) {
        KillRequest request =
                KillRequest.newBuilder().setId(container.id()).setSignal(signal).build();
        call("Kill", request, com.google.protobuf.Empty.parser());
    }

    StateResponse state(Container container) {
        return call("State", StateRequest.newBuilder().setId(container.id()).build(), StateResponse.parser());
    }

    DeleteResponse delete(Container container, String execId) {
        DeleteRequest request = DeleteRequest.newBuilder()
                .setId(container.id())
                .setExecId(execId)
                .build();
        return call("Delete", request, DeleteResponse.parser());
    }

    <R extends Message> R call(String method, Message request, Parser<R> parser) {
        return call(TASK, method, request, parser);
    }

    <R extends Message> R call(String service, String method, Message request, Parser<R> parser) {
        return call(service, method, request, parser, LIMIT);
    }

    private <R extends Message> R call(
            String service, String method, Message request, Parser<R> parser, Duration limit) {
        byte[] answer = Objects.requireNonNull(client)
                .call(
                        service,
                        method,
                        request.toByteArray(),
                        limit,
                        Map.of("containerd-namespace-ttrpc", List.of(NAMESPACE)));
        try {
            return parser.parseFrom(answer);
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError(e);
        }
    }

    boolean exitSeen(Container container, String execId) {
        var request = ExitRequest.newBuilder()
                .setNamespace(NAMESPACE)
                .setId(container.id())
                .setExecId(execId)
                .build();
        return call(SUPERVISOR, "Exit", request, ExitResponse.parser()).getSeen();
    }

    List<TaskSummary> summaries() {
        return call(SUPERVISOR, "Tasks", TasksRequest.getDefaultInstance(), TasksResponse.parser())
                .getTasksList();
    }

    /** The topics of the first events that a new listener gets. */
    List<String> topics(EventsRequest request, int count) throws IOException {
        return events(request, count).stream()
                .map(event -> event.getEnvelope().getTopic())
                .toList();
    }

    /** The first events that a new listener gets. */
    List<Event> events(EventsRequest request, int count) throws IOException {
        List<Event> events = new ArrayList<>();
        try (var stream = Objects.requireNonNull(client)
                .serverStream(SUPERVISOR, "Events", request.toByteArray(), LIMIT, Map.of())) {
            while (events.size() < count) {
                events.add(Event.parseFrom(Objects.requireNonNull(stream.receive())));
            }
        }
        return events;
    }

    /** The text of a log without time stamps, stream names and tags. */
    static String text(Path log) throws IOException {
        StringBuilder text = new StringBuilder();
        for (String line : Files.readAllLines(log)) {
            text.append(line.split(" ", 4)[3]).append('\n');
        }
        return text.toString();
    }

    /** Nothing that a task is made of may be left, while the supervisor still runs. */
    void assertNothingLeft() throws IOException {
        Objects.requireNonNull(before).assertNothingNew(look());
    }

    /** The same, but zombies may still be on their way: of what nobody waits for the janitor comes for them. */
    void awaitNothingLeft() throws IOException, InterruptedException {
        long begun = Ticker.system().nanos();
        while (Ticker.system().since(begun).compareTo(LIMIT) < 0
                && !Objects.requireNonNull(before).children().containsAll(look().children())) {
            Ticker.system().sleep(Duration.ofMillis(50));
        }
        assertNothingLeft();
    }

    private Machine look() throws IOException {
        Machine all = Machine.look(mark, directory.resolve("state/shim"));
        return new Machine(
                all.mounts(),
                all.cgroups().stream()
                        .filter(cgroup -> !cgroup.endsWith("/" + mark))
                        .collect(Collectors.toSet()),
                all.children().stream()
                        .filter(pid -> outside == null || pid != outside.pid())
                        .collect(Collectors.toSet()),
                all.files().stream()
                        .filter(file -> ids.stream().anyMatch(file::contains))
                        .collect(Collectors.toSet()));
    }

    /** Ends the supervisor and removes everything, also what a failed test has left. */
    void close() throws IOException, InterruptedException {
        if (outside != null) {
            crash();
        }
        if (client != null) {
            client.close();
        }
        if (inside != null) {
            inside.close();
        }
        var cgroup = Cgroups.detect(Ticker.system()).cgroup("/" + mark);
        cgroup.kill(LIMIT);
        cgroup.remove(LIMIT);
        try (StateDir state = StateDir.open(directory.resolve("state"))) {
            state.remove();
        }
        if (reaper != null) {
            reaper.interrupt();
        }
        StateDir.removeTree(directory);
    }
}

package dev.berth.shim;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.Parser;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Fifo;
import dev.berth.ttrpc.TtrpcClient;
import dev.berth.wire.shim.options.Options;
import dev.berth.wire.shim.supervisor.InfoRequest;
import dev.berth.wire.shim.supervisor.InfoResponse;
import dev.berth.wire.shim.supervisor.PumpRequest;
import dev.berth.wire.shim.supervisor.PumpResponse;
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
import java.util.stream.Collectors;

/** A supervisor in this process with a state directory of its own, and a client that speaks to it over its socket. */
final class Node {
    static final String NAMESPACE = "k8s.io";
    static final String TASK = "containerd.task.v3.Task";
    static final String SUPERVISOR = "dev.berth.supervisor.v1.Supervisor";
    private static final Duration LIMIT = Duration.ofSeconds(60);

    /** A container as a test made it. */
    record Container(String id, Path directory, Path bundle, Path log) {}

    /** Part of the name of everything that this node makes on the machine. */
    final String mark = "bt" + Ids.random().substring(0, 8);

    final Path directory;
    private final Path busybox;
    private final Machine before;
    private final List<String> ids = new ArrayList<>();
    private Supervisor supervisor;
    private TtrpcClient client;

    Node(Path busybox, String... options) throws IOException, InterruptedException {
        this.busybox = busybox;
        directory = Files.createTempDirectory(mark);
        List<String> all =
                new ArrayList<>(List.of("--state", directory.resolve("state").toString()));
        all.addAll(List.of(options));
        supervisor = Supervisor.open(dev.berth.shim.Options.parse(all), InstantSource.system(), Ticker.system());
        client = TtrpcClient.connect(directory.resolve("state/supervisor.sock"), Ticker.system());
        call(SUPERVISOR, "Info", InfoRequest.getDefaultInstance(), InfoResponse.parser()); // runtimes have been tried
        before = look();
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
        Path place = Files.createDirectory(container.directory().resolve("exec-" + execId));
        Fifo.create(place.resolve("stdout"), 0600);
        Fifo.create(place.resolve("stderr"), 0600);
        pump(container.id(), execId, place, place.resolve("log"));
        ExecProcessRequest request = ExecProcessRequest.newBuilder()
                .setId(container.id())
                .setExecId(execId)
                .setStdout(place.resolve("stdout").toString())
                .setStderr(place.resolve("stderr").toString())
                .setSpec(Any.newBuilder().setValue(ByteString.copyFromUtf8(process.processJson())))
                .build();
        call("Exec", request, com.google.protobuf.Empty.parser());
        return place.resolve("log");
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
        byte[] answer = client.call(
                service,
                method,
                request.toByteArray(),
                LIMIT,
                Map.of("containerd-namespace-ttrpc", List.of(NAMESPACE)));
        try {
            return parser.parseFrom(answer);
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError(e);
        }
    }

    /** The text of a log without time stamps, stream names and tags. */
    static String text(Path log) throws IOException {
        StringBuilder text = new StringBuilder();
        for (String line : Files.readAllLines(log)) {
            text.append(line.split(" ", 4)[3]).append('\n');
        }
        return text.toString();
    }

    Supervisor supervisor() {
        return supervisor;
    }

    /** Nothing that a task is made of may be left, while the supervisor still runs. */
    void assertNothingLeft() throws IOException {
        before.assertNothingNew(look());
    }

    private Machine look() throws IOException {
        Machine all = Machine.look(mark, directory.resolve("state/shim"));
        return new Machine(
                all.mounts(),
                all.cgroups().stream()
                        .filter(cgroup -> !cgroup.endsWith("/" + mark))
                        .collect(Collectors.toSet()),
                all.children(),
                all.files().stream()
                        .filter(file -> ids.stream().anyMatch(file::contains))
                        .collect(Collectors.toSet()));
    }

    /** Ends the supervisor and removes everything, also what a failed test has left. */
    void close() throws IOException, InterruptedException {
        client.close();
        supervisor.close();
        try (StateDir state = StateDir.open(directory.resolve("state"))) {
            state.remove();
        }
        var cgroup = dev.berth.linux.cgroup.Cgroups.detect(Ticker.system()).cgroup("/" + mark);
        cgroup.kill(Duration.ofSeconds(5));
        cgroup.remove(Duration.ofSeconds(5));
        StateDir.removeTree(directory);
    }
}

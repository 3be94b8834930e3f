package dev.berth.tasks;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Empty;
import com.google.protobuf.Timestamp;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.ttrpc.Service;
import dev.berth.ttrpc.TtrpcServer;
import dev.berth.wire.shim.bootstrap.BootstrapParams;
import dev.berth.wire.shim.bootstrap.BootstrapResult;
import dev.berth.wire.shim.task.ConnectResponse;
import dev.berth.wire.shim.task.CreateTaskRequest;
import dev.berth.wire.shim.task.CreateTaskResponse;
import dev.berth.wire.shim.task.DeleteRequest;
import dev.berth.wire.shim.task.DeleteResponse;
import dev.berth.wire.shim.task.KillRequest;
import dev.berth.wire.shim.task.StartResponse;
import dev.berth.wire.shim.task.StateRequest;
import dev.berth.wire.shim.task.StateResponse;
import dev.berth.wire.shim.task.WaitRequest;
import dev.berth.wire.shim.task.WaitResponse;
import dev.berth.wire.shim.types.RuntimeInfo;
import dev.berth.wire.shim.types.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;

/**
 * A program with the manners of a containerd shim, good and bad ones, that runs nothing: the first argument lists them.
 * What it was told is in the file {@code calls} beside its sockets.
 */
final class StandInShim {
    /** With the manner slow-wait, an end is told when there is a file of this name. */
    static final String TELL = "tell";

    private final Set<String> manners;
    private final Path directory;
    private final Map<String, Task> tasks = new ConcurrentHashMap<>();
    private final CountDownLatch end = new CountDownLatch(1);

    private static final class Task {
        final CountDownLatch ended = new CountDownLatch(1);
        volatile Status status = Status.CREATED;
    }

    private StandInShim(Set<String> manners, Path directory) {
        this.manners = manners;
        this.directory = directory;
    }

    public static void main(String[] arguments) throws Exception {
        var shim = new StandInShim(new HashSet<>(Arrays.asList(arguments[0].split(",", -1))), Path.of(arguments[1]));
        List<String> rest = List.of(arguments).subList(2, arguments.length);
        if (rest.contains("-info")) {
            shim.info();
        } else if (rest.contains("serve")) {
            shim.serve(rest.getLast());
        } else if (rest.contains("delete")) {
            shim.note("delete verb");
            System.out.write(DeleteResponse.newBuilder()
                    .setExitStatus(99)
                    .setExitedAt(Timestamp.newBuilder().setSeconds(1000))
                    .build()
                    .toByteArray());
            System.out.flush();
        } else {
            shim.start(rest);
        }
    }

    private void note(String what) throws IOException {
        Files.writeString(
                directory.resolve("calls"), what + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    private void info() throws IOException {
        if (!manners.contains("info")) {
            System.err.println("flag provided but not defined: -info");
            System.exit(2);
        }
        System.out.write(RuntimeInfo.newBuilder().setName("stand-in").build().toByteArray());
        System.out.flush();
    }

    private void start(List<String> arguments) throws Exception {
        String id = arguments.get(arguments.indexOf("-id") + 1);
        byte[] stdin = System.in.readAllBytes();
        boolean params = isParams(stdin, id);
        note("start " + (params ? "params" : "legacy"));
        if (params ? manners.contains("legacy-only") : manners.contains("params-only")) {
            System.err.println("stdin is not understood");
            System.exit(1);
        }
        if (manners.contains("hang-start")) {
            new CountDownLatch(1).await();
        }
        if (manners.contains("garbage")) {
            System.out.print("hello, world");
            System.exit(0);
        }
        String group = manners.contains("group") ? "group" : id.substring(Math.max(0, id.length() - 20));
        Path socket = directory.resolve(group + ".sock");
        if (!Files.exists(socket)) {
            List<String> command = new ArrayList<>(
                    ProcessHandle.current().info().command().map(List::of).orElseThrow());
            command.addAll(List.of(
                    "-XX:+UseSerialGC",
                    "-Xmx64m",
                    "-XX:TieredStopAtLevel=1",
                    "-cp",
                    System.getProperty("java.class.path")));
            command.addAll(List.of(
                    StandInShim.class.getName(), String.join(",", manners), directory.toString(), "serve", group));
            new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectOutput(directory.resolve(group + ".log").toFile())
                    .start();
            while (!Files.exists(socket)) {
                Ticker.system().sleep(Duration.ofMillis(5));
            }
        }
        answer(socket);
    }

    private static boolean isParams(byte[] stdin, String id) {
        try {
            return BootstrapParams.parseFrom(stdin).getInstanceId().equals(id);
        } catch (IOException e) {
            return false;
        }
    }

    private void answer(Path socket) throws IOException {
        String address = "unix://" + socket;
        if (manners.contains("json2")) {
            System.out.print("{\"version\":2,\"address\":\"" + address + "\",\"protocol\":\"ttrpc\"}");
        } else if (manners.contains("json3")) {
            System.out.print("{\"version\":3,\"address\":\"" + address + "\",\"protocol\":\"ttrpc\"}");
        } else if (manners.contains("proto3")) {
            System.out.write(BootstrapResult.newBuilder()
                    .setVersion(3)
                    .setAddress(address)
                    .setProtocol("ttrpc")
                    .build()
                    .toByteArray());
        } else {
            System.out.print(address);
        }
        System.out.flush();
    }

    private void serve(String group) throws Exception {
        try (var _ = TtrpcServer.listen(directory.resolve(group + ".sock"), Ticker.system(), service())) {
            end.await();
        }
        System.exit(0);
    }

    private Service service() {
        boolean three = manners.contains("json3") || manners.contains("proto3");
        return Service.named(three ? TaskClient.TASK_V3 : TaskClient.TASK_V2)
                .unary("Create", (call, request) -> {
                    note("create " + call.metadata(TaskClient.NAMESPACE_KEY).orElse("?"));
                    tasks.put(CreateTaskRequest.parseFrom(request).getId(), new Task());
                    return CreateTaskResponse.newBuilder().setPid(pid()).build().toByteArray();
                })
                .unary("Start", (call, request) -> {
                    Task task = task(StateRequest.parseFrom(request).getId());
                    task.status = Status.RUNNING;
                    if (manners.contains("crash")) {
                        Runtime.getRuntime().halt(3);
                    }
                    return StartResponse.newBuilder().setPid(pid()).build().toByteArray();
                })
                .unary(
                        "State",
                        (call, request) -> StateResponse.newBuilder()
                                .setStatus(task(StateRequest.parseFrom(request).getId()).status)
                                .setPid(pid())
                                .build()
                                .toByteArray())
                .unary("Wait", (call, request) -> {
                    task(WaitRequest.parseFrom(request).getId()).ended.await();
                    while (manners.contains("slow-wait") && !Files.exists(directory.resolve(TELL))) {
                        Ticker.system().sleep(Duration.ofMillis(20));
                    }
                    return WaitResponse.newBuilder().setExitStatus(137).build().toByteArray();
                })
                .unary("Kill", (call, request) -> {
                    Task task = task(KillRequest.parseFrom(request).getId());
                    task.status = Status.STOPPED;
                    task.ended.countDown();
                    return Empty.getDefaultInstance().toByteArray();
                })
                .unary("Delete", (call, request) -> {
                    task(DeleteRequest.parseFrom(request).getId());
                    tasks.remove(DeleteRequest.parseFrom(request).getId());
                    return DeleteResponse.newBuilder()
                            .setExitStatus(137)
                            .build()
                            .toByteArray();
                })
                .unary(
                        "Connect",
                        (call, request) -> ConnectResponse.newBuilder()
                                .setShimPid(pid())
                                .build()
                                .toByteArray())
                .unary("Shutdown", (call, request) -> {
                    note("shutdown");
                    if (manners.contains("hang-shutdown")) {
                        new CountDownLatch(1).await();
                    }
                    end.countDown();
                    return Empty.getDefaultInstance().toByteArray();
                })
                .build();
    }

    private static int pid() {
        return (int) ProcessHandle.current().pid();
    }

    private Task task(String id) {
        Task task = tasks.get(id);
        if (task == null) {
            throw Fault.notFound("find task", id, "");
        }
        return task;
    }

    /** Writes a script that runs this class with the given manners. */
    static Path program(Path directory, String manners) throws IOException {
        Path script = directory.resolve("containerd-shim-standin-v2");
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String path = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        Files.write(
                script,
                List.of(
                        "#!/bin/sh",
                        "exec " + java + " -XX:+UseSerialGC -Xmx64m -XX:TieredStopAtLevel=1 -cp " + path + " "
                                + StandInShim.class.getName() + " " + manners + " " + directory + " \"$@\""),
                UTF_8);
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        return script;
    }
}

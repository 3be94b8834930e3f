package dev.berth.tasks;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.berth.kernel.Fault;
import dev.berth.linux.Child;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import dev.berth.wire.shim.task.DeleteResponse;
import dev.berth.wire.shim.types.RuntimeInfo;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The verbs of a foreign shim's program: start, delete, -info. Each is a process that ends before its answer is read. */
final class ShimProgram {
    private static final int MAX_OUTPUT = 1 << 20;
    private static final Duration INFO = Duration.ofSeconds(10);

    private final Path program;
    private final TasksConfig config;

    ShimProgram(Path program, TasksConfig config) {
        this.program = program;
        this.config = config;
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Output(ExitStatus status, byte[] out, byte[] err) {
        String complaint() {
            byte[] said = err.length > 0 ? err : out;
            return new String(said, StandardCharsets.UTF_8).strip();
        }
    }

    Path path() {
        return program;
    }

    /** Asks the program to start a shim or to name the one that serves already. */
    Output start(TaskId task, Path bundle, byte[] stdin) throws IOException, InterruptedException {
        List<String> argv = common(task);
        argv.add("start");
        return run(argv, environment(task), bundle, stdin, Deadlines.SHIM_START);
    }

    /** Asks the program to remove what a dead shim left of a task. */
    Exit delete(TaskId task, Path bundle) throws IOException, InterruptedException {
        List<String> argv = common(task);
        argv.addAll(List.of("-bundle", bundle.toString(), "delete"));
        Output output = run(argv, environment(task), bundle, new byte[0], Deadlines.RUNTIME);
        if (!output.status().isSuccess()) {
            throw Fault.internal(program + " delete " + task, output.complaint(), "");
        }
        DeleteResponse response = DeleteResponse.parseFrom(output.out());
        return new Exit(response.getExitStatus(), TaskClient.instant(response.getExitedAt()));
    }

    /** What the program says of itself; empty if it is too old to say anything. */
    Optional<RuntimeInfo> info(Handler.ShimOptions options) throws IOException, InterruptedException {
        byte[] stdin = options.isPresent() ? options.toAny().toByteArray() : new byte[0];
        Output output = run(new ArrayList<>(List.of(program.toString(), "-info")), basic(), Path.of("/"), stdin, INFO);
        if (!output.status().isSuccess() || output.out().length == 0) {
            return Optional.empty();
        }
        try {
            RuntimeInfo info = RuntimeInfo.parseFrom(output.out());
            return info.getName().isEmpty() ? Optional.empty() : Optional.of(info);
        } catch (InvalidProtocolBufferException e) {
            return Optional.empty(); // it took "-info" for something else
        }
    }

    private List<String> common(TaskId task) {
        return new ArrayList<>(List.of(
                program.toString(),
                "-namespace",
                task.namespace(),
                "-address",
                config.daemonAddress().toString(),
                "-publish-binary",
                "berth",
                "-id",
                task.id()));
    }

    private Map<String, String> environment(TaskId task) {
        Map<String, String> all = basic();
        all.put("NAMESPACE", task.namespace());
        all.put("TTRPC_ADDRESS", config.eventsSocket().toString());
        all.put("GRPC_ADDRESS", config.daemonAddress().toString());
        all.put("SHIM_SOCKET_DIR", config.state().resolve("s").toString());
        return all;
    }

    private static Map<String, String> basic() {
        Map<String, String> all = new HashMap<>(System.getenv());
        all.put("MAX_SHIM_VERSION", "3");
        all.put("GOMAXPROCS", "2");
        return all;
    }

    /** Files instead of pipes: a shim that keeps its parent's output open would hold up whoever reads a pipe to its end. */
    private Output run(List<String> argv, Map<String, String> environment, Path directory, byte[] stdin, Duration limit)
            throws IOException, InterruptedException {
        Path in = Files.createTempFile(config.state(), "shim", ".in");
        Path out = Files.createTempFile(config.state(), "shim", ".out");
        Path err = Files.createTempFile(config.state(), "shim", ".err");
        try {
            Files.write(in, stdin);
            ExitStatus status = spawn(argv, environment, directory, List.of(in, out, err), limit);
            return new Output(status, read(out), read(err));
        } finally {
            Files.deleteIfExists(in);
            Files.deleteIfExists(out);
            Files.deleteIfExists(err);
        }
    }

    private ExitStatus spawn(
            List<String> argv, Map<String, String> environment, Path directory, List<Path> stdio, Duration limit)
            throws IOException, InterruptedException {
        Child child;
        try (Fd in = Fd.open(stdio.get(0), Fd.O_RDONLY);
                Fd out = Fd.open(stdio.get(1), Fd.O_WRONLY);
                Fd err = Fd.open(stdio.get(2), Fd.O_WRONLY)) {
            child = Child.command(program, argv)
                    .environment(environment)
                    .directory(directory)
                    .stdio(in, out, err)
                    .newSession()
                    .spawn();
        }
        try (child) {
            Optional<ExitStatus> status;
            try {
                status = child.await(limit);
            } catch (InterruptedException e) {
                child.kill();
                Thread.ofVirtual().start(() -> reap(child.pid()));
                throw e;
            }
            if (status.isEmpty()) {
                child.kill();
                child.await(Deadlines.SHIM_STOP);
                throw Fault.deadline(String.join(" ", argv), "it did not end within " + limit.toSeconds() + " s", "");
            }
            return status.get();
        }
    }

    private static void reap(int pid) {
        try (var process = dev.berth.linux.Pidfd.open(pid)) {
            process.awaitAndReap(Deadlines.SHIM_STOP);
        } catch (IOException | InterruptedException e) {
            Thread.currentThread().interrupt(); // nothing is left to do: it is a zombie until the daemon ends
        }
    }

    private static byte[] read(Path file) throws IOException {
        try (var in = Files.newInputStream(file)) {
            return in.readNBytes(MAX_OUTPUT);
        }
    }
}

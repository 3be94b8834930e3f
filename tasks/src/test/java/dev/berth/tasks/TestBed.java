package dev.berth.tasks;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.berth.kernel.Ids;
import dev.berth.linux.Mounts;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.PodReference;
import dev.berth.oci.ProcessSpec;
import dev.berth.oci.RuntimeSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** A state directory with a short name, a root file system of busybox, and specs that use it. */
final class TestBed implements AutoCloseable {
    static final Path RUNC_SHIM = Path.of("/usr/bin/containerd-shim-runc-v2");

    final String name = "bt" + Ids.random().substring(0, 8);
    final Path state = Path.of("/run", name);
    final Path rootfs;

    TestBed() throws IOException {
        Files.createDirectories(state);
        rootfs = Files.createDirectories(Path.of("/tmp", name, "rootfs"));
        Path bin = Files.createDirectories(rootfs.resolve("bin"));
        Files.copy(Path.of("/bin/busybox"), bin.resolve("busybox"));
        for (String applet : List.of("sh", "sleep", "echo", "cat", "yes", "head", "true", "id", "seq", "trap")) {
            Files.createSymbolicLink(bin.resolve(applet), Path.of("busybox"));
        }
        for (String library : List.of(
                "/lib64/ld-linux-x86-64.so.2",
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib/x86_64-linux-gnu/libresolv.so.2")) {
            Path copy = rootfs.resolve(library.substring(1));
            Files.createDirectories(copy.getParent());
            Files.copy(Path.of(library), copy);
        }
        for (String directory : List.of("proc", "dev", "tmp", "etc", "sys")) {
            Files.createDirectories(rootfs.resolve(directory));
        }
    }

    TasksConfig config(Map<String, Handler> handlers) {
        return config(List.of("/bin/false"), handlers);
    }

    TasksConfig config(List<String> supervisor, Map<String, Handler> handlers) {
        return new TasksConfig(state, state.resolve("root"), supervisor, state.resolve("daemon.sock"), handlers);
    }

    TaskId task(String suffix) {
        return new TaskId("k8s.io", name + suffix);
    }

    RuntimeSpec spec(TaskId task, String... command) {
        return spec(task, Map.of(), command);
    }

    RuntimeSpec spec(TaskId task, Map<String, String> annotations, String... command) {
        String json = """
                {"ociVersion":"1.0.2","root":{"path":"%s"},"hostname":"box",
                "mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["nosuid","noexec","nodev"]},
                          {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]}],
                "linux":{"cgroupsPath":"/%s",
                "namespaces":[{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"},{"type":"network"}]}}
                """.formatted(rootfs, task.id());
        return RuntimeSpec.fromJson(json.getBytes(UTF_8))
                .withProcess(process(command))
                .withAnnotations(annotations);
    }

    /** One that shares a pod's IPC and UTS namespaces and its /dev/shm. */
    RuntimeSpec podSpec(TaskId task, String... command) {
        RuntimeSpec alone = spec(task, command);
        List<LinuxSpec.Namespace> namespaces = alone.needLinux().namespaces().stream()
                .map(ns -> switch (ns.type()) {
                    case IPC -> new LinuxSpec.Namespace(ns.type(), PodReference.IPC);
                    case UTS -> new LinuxSpec.Namespace(ns.type(), PodReference.UTS);
                    default -> ns;
                })
                .toList();
        List<RuntimeSpec.Mount> mounts = new ArrayList<>(alone.mounts());
        mounts.add(new RuntimeSpec.Mount("/dev/shm", "bind", PodReference.SHM, List.of("rbind", "rw")));
        return new RuntimeSpec(
                alone.ociVersion(),
                alone.process(),
                alone.root(),
                null,
                null,
                mounts,
                null,
                alone.annotations(),
                alone.needLinux().withNamespaces(namespaces));
    }

    static ProcessSpec process(String... command) {
        String json = """
                {"terminal":false,"user":{"uid":0,"gid":0},"cwd":"/","env":["PATH=/bin"],"args":["true"],
                "capabilities":{"bounding":["CAP_KILL"],"effective":["CAP_KILL"],"permitted":["CAP_KILL"]}}
                """;
        return ProcessSpec.fromJson(json.getBytes(UTF_8)).withCommand(List.of(command), false);
    }

    @Override
    public void close() throws IOException {
        Mounts.unmountAll(state.resolve("shim")); // the one mount that a supervisor keeps for its successors
        for (var mount : Mounts.list()) {
            if (mount.toString().contains(name)) {
                throw new AssertionError("left mounted: " + mount);
            }
        }
        delete(state);
        delete(Path.of("/tmp", name));
    }

    private static void delete(Path tree) throws IOException {
        try (var all = Files.walk(tree)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        }
    }
}

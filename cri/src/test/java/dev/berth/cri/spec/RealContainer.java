package dev.berth.cri.spec;

import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Dir;
import dev.berth.linux.cgroup.Cgroup;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.oci.PodReference;
import dev.berth.oci.RuntimeSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A pod of namespaces held by a sleeping process, a root of busybox and perl, and a real runtime that runs what was built. */
final class RealContainer {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final Path directory;
    private final String name = "bt" + Ids.random().substring(0, 10);
    private final Cgroups cgroups;
    private final Process holder;
    private final long inPod;
    private int runs;

    /** What a container printed on both streams, and its exit code. */
    record Result(int exit, String output) {}

    RealContainer(Path directory) throws Exception {
        this.directory = directory;
        cgroups = Cgroups.detect(Ticker.system());
        holder = new ProcessBuilder("unshare", "--ipc", "--uts", "--net", "--pid", "--fork", "sleep", "600").start();
        inPod = child(holder.toHandle());
        new ProcessBuilder("nsenter", "-t", "" + inPod, "--uts", "hostname", "web-0")
                .start()
                .waitFor();
        Path root = Files.createDirectories(root());
        for (String each : List.of("bin", "lib", "lib64", "usr/bin", "tmp", "etc", "proc", "sys", "dev", "run")) {
            Files.createDirectories(root.resolve(each));
        }
        install("/bin/busybox");
        install("/usr/bin/perl");
        run(List.of("chroot", root.toString(), "/bin/busybox", "--install", "/bin"));
        Files.writeString(root.resolve("etc/passwd"), "root:x:0:0::/root:/bin/sh\nuser:x:1000:1001::/home:/bin/sh\n");
        Files.writeString(root.resolve("etc/group"), "root:x:0:\nextra:x:50000:user\n");
        Files.createDirectory(directory.resolve("shm"));
    }

    private static long child(ProcessHandle parent) {
        for (int i = 0; i < 60_000; i++) {
            var child = parent.children().findFirst();
            if (child.isPresent() && parent.isAlive()) {
                return child.get().pid();
            }
            parent.onExit().completeOnTimeout(parent, 2, TimeUnit.MILLISECONDS).join();
        }
        throw new IllegalStateException("the namespaces were not made");
    }

    Path root() {
        return directory.resolve("bundle/rootfs");
    }

    /** A program of the host with the libraries that it needs, at the same places. */
    private void install(String program) throws Exception {
        copy(Path.of(program));
        for (String line : run(List.of("ldd", program)).output().lines().toList()) {
            for (String word : line.strip().split(" ", -1)) {
                if (word.startsWith("/")) {
                    copy(Path.of(word));
                }
            }
        }
    }

    private void copy(Path file) throws IOException {
        Path target = root().resolve(file.toString().substring(1));
        Files.createDirectories(target.getParent());
        if (!Files.exists(target)) {
            Files.copy(file.toRealPath(), target);
        }
    }

    /** Makes the spec of a request as this pod's and lets a runtime run it to its end. */
    Result run(String runtime, Requests with) throws Exception {
        with.network = Path.of("/proc/" + inPod + "/ns/net");
        with.files = directory.resolve("pod");
        with.volumes = directory.resolve("volumes");
        with.cgroupParent = "/" + name;
        PodFiles.write(with.files, new PodFiles.Content("web-0", List.of("10.0.0.7"), null, false));
        try (Dir dir = Dir.open(root())) {
            with.user = new Users(ImageFiles.in(dir))
                    .find(
                            with.security == null ? null : with.security.build(),
                            Requests.image(with.image).user());
        }
        SpecBuilder.Built built = new SpecBuilder(HostFacts.read(cgroups), Requests.CGROUPFS).build(with.request());
        try (Dir dir = Dir.open(root())) {
            for (ImageVolume volume : built.volumes()) {
                volume.fill(dir);
            }
        }
        RuntimeSpec spec = PodReference.resolve(built.spec(), paths());
        Files.write(directory.resolve("bundle/config.json"), spec.toJson());
        List<String> command = new ArrayList<>();
        boolean crun = runtime.endsWith("crun");
        if (crun && cgroups.layout() == Cgroups.Layout.HYBRID) { // which it refuses, seeing a controller in version 2
            Path none = Files.write(directory.resolve("none"), new byte[0]);
            command.addAll(List.of("unshare", "--mount", "--propagation", "private", "sh", "-c"));
            command.add("mount --bind " + none + " /sys/fs/cgroup/unified/cgroup.controllers && exec \"$@\"");
            command.add("sh");
        }
        command.addAll(List.of(runtime, "--root", directory.resolve("state").toString()));
        if (crun) {
            command.add("--cgroup-manager=disabled");
        }
        command.addAll(List.of("run", "--bundle", directory.resolve("bundle").toString(), name + "-" + runs++));
        return run(command);
    }

    private Map<String, String> paths() {
        Map<String, String> paths = new HashMap<>();
        paths.put(PodReference.IPC, namespace("ipc"));
        paths.put(PodReference.UTS, namespace("uts"));
        paths.put(PodReference.PID, namespace("pid"));
        paths.put(PodReference.SHM, directory.resolve("shm").toString());
        return paths;
    }

    String namespace(String kind) {
        return "/proc/" + inPod + "/ns/" + kind;
    }

    private static Result run(List<String> command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(process.waitFor(), output);
    }

    /** Ends the pod and removes its cgroups. */
    void stop() throws Exception {
        holder.descendants().forEach(ProcessHandle::destroyForcibly);
        holder.destroyForcibly().waitFor();
        Cgroup cgroup = cgroups.cgroup("/" + name);
        cgroup.kill(LIMIT);
        cgroup.remove(LIMIT);
    }
}

package dev.berth.shim;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.linux.Fd;
import dev.berth.linux.Namespaces.Kind;
import dev.berth.linux.OomScore;
import dev.berth.linux.cgroup.CgroupPath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;

/**
 * The first process of a PID namespace that the containers of a pod share: {@code catatonit -P}, which reaps and waits, as a
 * container of its own with a root that holds nothing else and without any capability.
 */
final class PodInit {
    /** What the kubelet's other runtimes give it: it must outlive the pod's containers when memory runs out. */
    private static final int OOM_SCORE = -998;

    private static final List<Path> ELSEWHERE =
            List.of(Path.of("/usr/libexec/podman/catatonit"), Path.of("/usr/libexec/catatonit/catatonit"));

    private final Tasks tasks;
    private final Path directory;
    private final List<Path> searched;

    /**
     * The init of all pods.
     *
     * @param directory where its root is made when it is needed first
     * @param searched where to look for the program
     */
    PodInit(Tasks tasks, Path directory, List<Path> searched) {
        this.tasks = tasks;
        this.directory = directory;
        this.searched = searched;
    }

    void start(Pod pod, PodRecord.Init how) throws IOException, InterruptedException {
        TaskKey key = pod.key().initOfPod();
        Path bundle = directory.resolve(key.namespace()).resolve(key.id());
        try (Rollback undo = new Rollback()) {
            undo.add("bundle of " + key, () -> StateDir.removeTree(bundle));
            StateDir.make(bundle);
            Files.writeString(bundle.resolve("config.json"), config(pod, how, root()));
            var streams = new ProcessRecord.Streams(false, "", "", "");
            var options = new Tasks.Options(how.runtime(), "", CgroupPath.isSystemd(cgroup(pod, how)), false, false);
            tasks.create(new Tasks.NewTask(key, bundle, List.of(), streams, options));
            undo.add("init of " + pod.key(), () -> tasks.delete(key, ""));
            tasks.start(key);
            undo.commit();
        }
        StateDir.removeTree(bundle); // the runtime has read its own copy
    }

    /** A directory with nothing but the program and places for mounts. */
    private synchronized Path root() throws IOException {
        Path root = directory.resolve("root");
        Path program = root.resolve("catatonit");
        if (!Files.exists(program)) {
            StateDir.make(root.resolve("proc"));
            StateDir.make(root.resolve("dev"));
            Path copy = root.resolve("catatonit.new");
            Files.copy(find(), copy, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
            Files.move(copy, program, StandardCopyOption.ATOMIC_MOVE);
        }
        return root;
    }

    private Path find() {
        return Stream.concat(searched.stream().map(place -> place.resolve("catatonit")), ELSEWHERE.stream())
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow(() -> Fault.precondition(
                        "share a PID namespace", "there is no catatonit in PATH to be its init", "Install catatonit"));
    }

    private static String config(Pod pod, PodRecord.Init how, Path root) throws IOException {
        return """
                {"ociVersion":"1.0.2",
                 "process":{"user":{"uid":0,"gid":0},"args":["/catatonit","-P"],"cwd":"/","noNewPrivileges":true,
                   "oomScoreAdj":%d},
                 "root":{"path":"%s","readonly":true},
                 "mounts":[
                   {"destination":"/proc","type":"proc","source":"proc","options":["nosuid","noexec","nodev"]},
                   {"destination":"/dev","type":"tmpfs","source":"tmpfs",
                    "options":["nosuid","noexec","mode=755","size=65536"]}],
                 "linux":{"cgroupsPath":"%s","namespaces":[{"type":"pid"},{"type":"mount"}%s%s%s],
                   "resources":{"devices":[{"allow":false,"access":"rwm"}]}}}""".formatted(
                        OomScore.clamp(OOM_SCORE),
                        root,
                        cgroup(pod, how),
                        joined("ipc", pod, Kind.IPC),
                        joined("uts", pod, Kind.UTS),
                        pod.record().network().isEmpty()
                                ? ""
                                : namespace("network", pod.record().network()));
    }

    private static String joined(String type, Pod pod, Kind kind) {
        Fd open = pod.namespaces().get(kind);
        return open == null
                ? ""
                : namespace(
                        type, open.procPathFor(ProcessHandle.current().pid()).toString());
    }

    private static String namespace(String type, String path) {
        return ",{\"type\":\"" + type + "\",\"path\":\"" + path + "\"}";
    }

    private static String cgroup(Pod pod, PodRecord.Init how) {
        String parent = how.cgroupParent();
        String id = pod.key().id();
        if (parent.endsWith(".slice") && !parent.contains("/")) {
            return parent + ":berth-init:" + id;
        }
        return (parent.isEmpty() ? "/berth" : parent) + "/init-" + id;
    }
}

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
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

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
            Path root = root();
            Files.writeString(bundle.resolve("config.json"), config(pod, how, root));
            var streams = new ProcessRecord.Streams(false, "", "", "");
            var options = new Tasks.Options(how.runtime(), "", CgroupPath.isSystemd(cgroup(pod, how)), false, false);
            tasks.create(new Tasks.NewTask(key, bundle, mounts(pod, root), streams, options));
            undo.add("init of " + pod.key(), () -> tasks.delete(key, ""));
            tasks.start(key);
            undo.commit();
        }
        StateDir.removeTree(bundle); // the runtime has read its own copy
    }

    /** The ids of a user namespace have no way to our directory: there the root is mounted as any container's. */
    private static List<Births.Mount> mounts(Pod pod, Path root) {
        return pod.record().users() == null
                ? List.of()
                : List.of(new Births.Mount("bind", root.toString(), "", List.of("bind", "ro")));
    }

    /** A directory with nothing but the program and places for mounts. */
    private synchronized Path root() throws IOException {
        Path root = directory.resolve("root");
        Path program = root.resolve("catatonit");
        if (!Files.exists(program)) {
            for (Path each : List.of(root.resolve("proc"), root.resolve("dev"), root)) {
                StateDir.make(each);
                Files.setPosixFilePermissions(
                        each, PosixFilePermissions.fromString("rwxr-xr-x")); // for user namespaces
            }
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
                 "linux":{"cgroupsPath":"%s","namespaces":[{"type":"pid"},{"type":"mount"}%s%s%s%s],%s
                   "resources":{"devices":[{"allow":false,"access":"rwm"}]}}}""".formatted(
                        OomScore.clamp(OOM_SCORE),
                        root,
                        cgroup(pod, how),
                        joined("ipc", pod, Kind.IPC),
                        joined("uts", pod, Kind.UTS),
                        network(pod),
                        joined("user", pod, Kind.USER),
                        mappings(pod.record().users()));
    }

    private static String network(Pod pod) {
        if (pod.namespaces().containsKey(Kind.NET)) {
            return joined("network", pod, Kind.NET);
        }
        String network = pod.record().network();
        return network.isEmpty() ? "" : namespace("network", network);
    }

    private static String mappings(PodRecord.@Nullable Users users) {
        return users == null
                ? ""
                : "\"uidMappings\":[" + ranges(users.users()) + "],\"gidMappings\":[" + ranges(users.groups()) + "],";
    }

    private static String ranges(List<PodRecord.Users.Range> ranges) {
        return ranges.stream()
                .map(range -> "{\"containerID\":" + range.inside() + ",\"hostID\":" + range.outside() + ",\"size\":"
                        + range.length() + "}")
                .collect(Collectors.joining(","));
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

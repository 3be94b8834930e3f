package dev.berth.cri;

import dev.berth.cri.checkpoint.CheckpointReader;
import dev.berth.cri.checkpoint.CheckpointReader.Unpacked;
import dev.berth.cri.checkpoint.PodDump;
import dev.berth.cri.checkpoint.PodDump.Member;
import dev.berth.cri.checkpoint.Seal;
import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.PodConfig;
import dev.berth.kernel.DiskFault;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Rollback;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Makes pods from what {@link Checkpoints#pod} has written. What a checkpoint holds is memory and files, which are powerful
 * enough: so it must bear the seal of a node with this one's key, and all else, as mounts, devices, limits, labels and logs, is
 * what the request says.
 */
public final class Restoring {
    /**
     * A pod to be restored.
     *
     * @param path absolute path of the directory of the checkpoint
     * @param handler runtime handler; empty for the default
     * @param options there are none yet
     * @param containers a config for each container of the checkpoint, by its name
     */
    public record Request(
            String path, PodConfig pod, String handler, Map<String, String> options, List<ContainerConfig> containers) {
        public Request {
            options = Map.copyOf(options);
            containers = List.copyOf(containers);
        }
    }

    /** A pod that was restored, and its containers by their names. They go on when they are started. */
    public record Restored(String podId, Map<String, String> containers) {}

    private final CriContext context;
    private final Pods pods;
    private final Containers containers;
    private final ContainerFolders states;
    private final Seal seal;

    /** @param states where containers have the state from which they go on */
    Restoring(CriContext context, Pods pods, Containers containers, ContainerFolders states, Seal seal) {
        this.context = context;
        this.pods = pods;
        this.containers = containers;
        this.states = states;
        this.seal = seal;
    }

    /**
     * Makes a pod and its containers, which are created and not started. The same request, made again while it is carried
     * out, gets the same pod. What fails leaves nothing.
     *
     * @throws Fault NOT_FOUND if there is no checkpoint at the path, or an image is not on this node; PERMISSION_DENIED if a seal does
     *     not fit; FAILED_PRECONDITION if a container is to be another one than it was; INVALID_ARGUMENT if configs and
     *     checkpoint do not name the same containers; and all that making pods and containers throws
     */
    public Restored pod(Request request) throws InterruptedException {
        String what = "restore pod " + request.pod().metadata().name();
        context.gate().pass();
        Checkpoints.requireNoOptions(what, request.options());
        Path directory = directory(what, request.path());
        String id = pods.run(request.pod(), request.handler(), request, pod -> {
            PodDump dump = PodDump.read(directory, seal);
            return make(directory, dump, configs(what, dump, request.containers()), pod);
        });
        Map<String, String> made = new LinkedHashMap<>();
        for (ContainerConfig config : request.containers()) {
            context.ledger().containersOf(id).stream()
                    .filter(container -> container.config().metadata().equals(config.metadata()))
                    .forEach(container -> made.put(config.metadata().name(), container.id()));
        }
        return new Restored(id, made);
    }

    private static Path directory(String what, String path) {
        try {
            Path directory = Path.of(path);
            if (directory.isAbsolute()) {
                return directory;
            }
        } catch (InvalidPathException e) {
            throw Fault.invalid(what, "its checkpoint_path is none: " + e.getReason(), "Give an absolute one")
                    .causedBy(e);
        }
        throw Fault.invalid(
                what,
                "checkpoint_path \"" + path + "\" is not absolute",
                "Name the directory that CheckpointPod has written");
    }

    private static Map<String, ContainerConfig> configs(String what, PodDump dump, List<ContainerConfig> given) {
        Map<String, ContainerConfig> byName = new HashMap<>();
        for (ContainerConfig config : given) {
            String name = config.metadata().name();
            if (byName.put(name, config) != null) {
                throw Fault.invalid(what, "there are two configs for container \"" + name + "\"", "Give one for each");
            }
            if (dump.containers().stream().noneMatch(member -> member.name().equals(name))) {
                throw Fault.invalid(
                        what,
                        "the checkpoint has no container \"" + name + "\"",
                        "Create it when the pod is restored; here, name only what was written down");
            }
        }
        for (Member member : dump.containers()) {
            if (!byName.containsKey(member.name())) {
                throw Fault.invalid(
                        what, "there is no config for container \"" + member.name() + "\"", "Give one for each");
            }
        }
        return byName;
    }

    /**
     * A daemon that is killed meanwhile leaves a pod that nobody has heard of; one that has restored containers is taken away by
     * the next, and one that has none yet by whoever asks for it again.
     */
    private String make(Path directory, PodDump dump, Map<String, ContainerConfig> configs, Pods.Step pod)
            throws InterruptedException {
        try (var undo = new Rollback()) {
            Map<String, Restoration> all = new LinkedHashMap<>();
            for (Member member : dump.containers()) {
                String id = Ids.random();
                undo.add("state of container " + id, () -> states.remove(id));
                all.put(id, unpack(directory, dump, member, id));
            }
            String podId = pod.make();
            undo.add("pod " + podId, () -> pods.remove(podId));
            Pod made = context.ledger().pod(podId);
            for (Map.Entry<String, Restoration> each : all.entrySet()) {
                Restoration from = each.getValue();
                containers.restore(each.getKey(), made, Objects.requireNonNull(configs.get(from.name())), from);
            }
            pods.delivered(podId); // nobody else's request is to get it
            undo.commit();
            return podId;
        }
    }

    /** Archives of several checkpoints are not mixed: they would not fit each other. */
    private Restoration unpack(Path directory, PodDump dump, Member member, String id) {
        Path archive = directory.resolve(member.file());
        try {
            Unpacked unpacked = CheckpointReader.unpack(archive, member.archive(), states.make(id), seal);
            if (!unpacked.manifest().podId().equals(dump.id())
                    || !unpacked.manifest().name().equals(member.name())) {
                throw Fault.invalid(
                        "read the checkpoint " + archive,
                        "it is of another container",
                        "Put the right archive back, or make another checkpoint");
            }
            return new Restoration(member.name(), unpacked);
        } catch (IOException e) {
            throw DiskFault.of("restore container " + member.name(), e);
        }
    }
}

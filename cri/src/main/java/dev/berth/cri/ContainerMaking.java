package dev.berth.cri;

import dev.berth.cri.Cleaning.Kind;
import dev.berth.cri.Container.Life;
import dev.berth.cri.Container.RunUser;
import dev.berth.cri.config.ContainerConfig;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.Resources;
import dev.berth.cri.spec.HandlerRules;
import dev.berth.cri.spec.ImageFiles;
import dev.berth.cri.spec.ImageUser;
import dev.berth.cri.spec.SpecBuilder;
import dev.berth.cri.spec.SpecRequest;
import dev.berth.cri.spec.Users;
import dev.berth.images.Image;
import dev.berth.images.Images;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Meanwhile;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Timeline;
import dev.berth.oci.LinuxResources;
import dev.berth.oci.ProcessSpec;
import dev.berth.oci.RuntimeSpec;
import dev.berth.snapshots.MountPoint;
import dev.berth.snapshots.Snapshotter;
import dev.berth.store.Metadata;
import dev.berth.store.Payload;
import dev.berth.tasks.NewTask;
import dev.berth.tasks.NewTask.RootMount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What a container is before it runs: a writable layer, an OCI spec, a record. */
final class ContainerMaking {
    private static final Namespace SPACE = Namespace.KUBERNETES;
    private static final String SPEC_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

    /** A container is started soon after it was made; a spec with its seccomp profile may take 100 KiB. */
    private static final int SPECS = 16;

    /** Probes run commands in the same containers again and again; what a process is takes some KiB. */
    private static final int PROCESSES = 512;

    /** The same images are started again and again, and what is in them never changes. */
    private static final int USERS = 256;

    /** What is found out and decided before anything is made. */
    private record Prepared(ImageUser user, RuntimeSpec spec, MountedImages mounted) {}

    /** What a user is found by. */
    private record Login(String snapshot, ContainerConfig.@Nullable ContainerSecurity security, String user) {}

    /** What it takes to make one. */
    record Workshop(
            Metadata metadata,
            Images images,
            WritableLayers layers,
            Supplier<SpecBuilder> specs,
            Function<String, HandlerRules> rules,
            Folders folders) {}

    /**
     * Where containers have folders.
     *
     * @param volumes for the volumes that their images declare
     * @param states for the state from which they go on when they start, of those that were restored
     */
    record Folders(ContainerFolders volumes, ContainerFolders states) {}

    private final Recent<String, RuntimeSpec> specs = new Recent<>(SPECS);
    private final Recent<String, List<RootMount>> roots = new Recent<>(SPECS);
    private final Recent<String, ProcessSpec> processes = new Recent<>(PROCESSES);
    private final Recent<Login, ImageUser> users = new Recent<>(USERS);
    private final CriContext context;
    private final Workshop shop;
    private final PodEnvironment environment;
    private final WritableLayers layers;
    private final ContainerFolders volumes;
    private final ContainerFolders states;

    ContainerMaking(CriContext context, Workshop shop, PodEnvironment environment) {
        this.context = context;
        this.shop = shop;
        this.environment = environment;
        this.layers = shop.layers();
        this.volumes = shop.folders().volumes();
        this.states = shop.folders().states();
    }

    /**
     * Makes a container; what it has made goes onto the rollback.
     *
     * @param from what it goes on from, in its folder; null if it begins anew
     */
    Container make(String id, Pod pod, ContainerConfig config, @Nullable Restoration from, Rollback undo)
            throws InterruptedException {
        var timeline = new Timeline(context.ticker());
        requireTarget(pod, config);
        Snapshotter snapshotter = layers.of(pod);
        Image image = image(config);
        if (from != null) {
            from.requireImage(image.id().toString());
        }
        String logPath = logPath(config.metadata().name(), pod.config().logDirectory(), config.logPath());
        timeline.done("image");
        undo.add("files of container " + id, context.cleaning().step(Kind.CONTAINER_CREATION, id, () -> discard(id)));
        Prepared prepared;
        var aside = new Timeline(context.ticker());
        try (var layer = Meanwhile.begin("writable layer of " + id, () -> {
            roots.put(id, root(layers.make(id, pod, image)));
            aside.done("writable layer, made meanwhile");
        })) {
            prepared = prepare(id, pod, config, image, layer, timeline);
            layer.await();
            timeline.done("wait for the writable layer");
        }
        timeline.done(aside.steps());
        if (from != null) {
            from.requireSame(prepared.spec());
            from.restoreFiles(difference -> layers.apply(id, snapshotter, difference));
            timeline.done("restore files");
        }
        ImageUser user = prepared.user();
        Container container = new Container(
                id,
                pod.id(),
                config,
                image.name().orElse(""),
                image.id().toString(),
                reference(image),
                logPath,
                id,
                stopSignal(config, image),
                config.resources(),
                new RunUser(user.uid(), user.gid(), user.groups()),
                context.nowNanos(),
                false,
                Life.NEW,
                Timing.of(timeline),
                prepared.mounted().ids(),
                snapshotter.name(),
                from != null);
        specs.put(id, prepared.spec());
        byte[] json = prepared.spec().toJson();
        context.tasks().prepare(task(container, pod, prepared.spec()), json); // there is no record to read it from yet
        record(container, pod, prepared.mounted(), new Payload(SPEC_TYPE, json));
        undo.add("record of container " + id, () -> context.ledger().removeContainer(id));
        prepared.mounted().requireThere(snapshotter);
        return container;
    }

    private void record(Container container, Pod pod, MountedImages mounted, Payload spec) {
        context.ledger()
                .add(
                        container,
                        Ledger.record(container.id())
                                .image(container.config().image().image())
                                .runtime(pod.handler(), Payload.NONE)
                                .snapshot(container.snapshotter(), container.id())
                                .sandbox(pod.id())
                                .spec(spec),
                        mounted.labels(container.snapshotter()));
    }

    WritableLayers layers() {
        return layers;
    }

    /** What is run when it starts. */
    NewTask task(Container container, Pod pod) {
        return task(container, pod, spec(container));
    }

    private NewTask task(Container container, Pod pod, RuntimeSpec spec) {
        ContainerConfig config = container.config();
        return new NewTask(
                ContainerRunning.task(container),
                pod.id(),
                pod.handler(),
                spec,
                labelled(rootfs(container), spec.needLinux().mountLabel()),
                new NewTask.Stdio(
                        config.tty(),
                        config.stdin(),
                        container.logPath().isEmpty() ? null : Path.of(container.logPath())),
                container.restored() ? Restoration.images(states.of(container.id())) : null);
    }

    /** The kernel itself labels what is in an overlay; a directory that is bound has the labels that it has. */
    private static List<RootMount> labelled(List<RootMount> mounts, @Nullable String label) {
        return label == null
                ? mounts
                : mounts.stream()
                        .map(mount -> mount.type().equals("overlay")
                                ? new RootMount(
                                        mount.type(),
                                        mount.source(),
                                        mount.target(),
                                        Stream.concat(mount.options().stream(), Stream.of("context=" + label))
                                                .toList())
                                : mount)
                        .toList();
    }

    /** Processes of a container can be joined by one beside it, never by one of another pod. */
    private void requireTarget(Pod pod, ContainerConfig config) {
        NamespaceOptions options =
                config.security() == null ? null : config.security().namespaces();
        if (options == null
                || options.pid() != NamespaceOptions.Mode.TARGET
                || options.targetId().isEmpty()) {
            return;
        }
        String what = "join the processes of container \"" + options.targetId() + "\"";
        Container target = context.ledger().containersOf(pod.id()).stream()
                .filter(other -> other.id().equals(options.targetId()))
                .findFirst()
                .orElseThrow(() -> Fault.invalid(what, "the pod has none of that id", "Name one by its whole id"));
        if (target.state() != ContainerState.RUNNING) {
            throw Fault.precondition(what, "it is " + target.state(), "Start it first");
        }
    }

    /**
     * What needs no more than a look into the image.
     *
     * @param layer the writable layer on top of it, being made: then the image is there to be looked into
     */
    private Prepared prepare(
            String id, Pod pod, ContainerConfig config, Image image, Meanwhile layer, Timeline timeline)
            throws InterruptedException {
        Snapshotter snapshotter = layers.of(pod);
        ImageUser user = user(id, config, image, snapshotter, layer);
        timeline.done("user");
        MountedImages mounted = MountedImages.of(config, shop.images(), snapshotter);
        SpecBuilder.Built built = shop.specs().get().build(request(id, pod, config, image, user, mounted));
        if (!built.volumes().isEmpty()) {
            layer.await();
            try (RootView root = RootView.open(WritableLayers.look(id, image, snapshotter))) {
                ImageVolumes.fill(built.volumes(), root);
            }
        }
        RuntimeSpec spec = shop.rules().apply(pod.handler()).apply(built.spec(), pod.config(), config);
        timeline.done("spec");
        return new Prepared(user, spec, mounted);
    }

    private ImageUser user(String id, ContainerConfig config, Image image, Snapshotter snapshotter, Meanwhile layer)
            throws InterruptedException {
        var login = new Login(
                image.snapshot(), config.security(), image.config().config().user());
        Optional<ImageUser> known = users.get(login);
        if (known.isPresent()) {
            return known.get();
        }
        layer.await();
        try (RootView root = RootView.open(WritableLayers.look(id, image, snapshotter))) {
            ImageUser user = new Users(ImageFiles.in(root.root())).find(login.security(), login.user());
            if (!login.snapshot().isEmpty()) {
                users.put(login, user);
            }
            return user;
        }
    }

    /** Removes what {@link #make} made, but for the record. May be repeated. */
    void discard(String id) throws InterruptedException {
        specs.forget(id);
        roots.forget(id);
        processes.forget(id);
        context.tasks().unprepare(ContainerRunning.task(id));
        discardFolders(id);
        layers.remove(id);
    }

    /** Removes what only the container's record leads to. */
    void discardFolders(String id) {
        volumes.remove(id);
        states.remove(id);
    }

    /** Removes the state that a container that was restored has gone on from. */
    void discardState(String id) {
        states.remove(id);
    }

    /** Removes the folders of all but these containers. */
    void keepFoldersOf(Set<String> ids) throws IOException {
        volumes.keep(ids);
        states.keep(ids);
    }

    /**
     * The OCI spec with names in the place of paths that only the moment of the start knows: as it is stored, with the limits
     * that were changed since.
     */
    RuntimeSpec spec(Container container) {
        RuntimeSpec spec = specs.get(container.id()).orElseGet(() -> stored(container));
        Resources limits = container.resources();
        return limits == null || limits.equals(container.config().resources())
                ? spec
                : shop.specs().get().withResources(spec, limits);
    }

    private RuntimeSpec stored(Container container) {
        return RuntimeSpec.fromJson(shop.metadata()
                .read(records -> records.containers().get(SPACE, container.id()))
                .spec()
                .bytes());
    }

    private List<RootMount> rootfs(Container container) {
        String id = container.id();
        return roots.get(id).orElseGet(() -> {
            List<RootMount> root = root(layers.root(container));
            roots.put(id, root);
            return root;
        });
    }

    private static List<RootMount> root(List<MountPoint> mounts) {
        return mounts.stream()
                .map(mount -> new RootMount(mount.type(), mount.source(), mount.target(), mount.options()))
                .toList();
    }

    /** A further process of a container: as the first one, with another command. */
    ProcessSpec process(Container container, List<String> command, boolean terminal) {
        String id = container.id();
        ProcessSpec first = processes.get(id).orElseGet(() -> {
            ProcessSpec read = spec(container).needProcess();
            processes.put(id, read);
            return read;
        });
        return first.withCommand(command, terminal);
    }

    LinuxResources resources(Resources asked) {
        return shop.specs().get().resources(asked);
    }

    /** What takes an update back. */
    LinuxResources undoing(@Nullable Resources before, Resources asked) {
        return shop.specs().get().undoing(before, asked);
    }

    private Image image(ContainerConfig config) {
        String name = config.image().image();
        if (name.isEmpty()) {
            throw Fault.invalid("create container " + config.metadata().name(), "it names no image", "Give one");
        }
        return shop.images()
                .find(SPACE, name)
                .orElseThrow(() -> Fault.notFound(
                        "create container " + config.metadata().name(),
                        "image \"" + name + "\" is not on this node",
                        "Pull it first"));
    }

    /** As whoever wrote the pod knows it: the kubelet itself asks by id. */
    private static String name(ContainerConfig.ImageName asked, Image image) {
        return asked.userSpecifiedImage().isEmpty() ? image.name().orElse(asked.image()) : asked.userSpecifiedImage();
    }

    /** By digest if it has such a name: what was pulled under a tag may have another one tomorrow. */
    private static String reference(Image image) {
        return image.digests().stream().findFirst().orElse(image.id().toString());
    }

    /**
     * Where a container logs to: absolute, or empty for nowhere.
     *
     * @throws Fault INVALID_ARGUMENT for what names no file in the pod's directory
     */
    static String logPath(String container, String podDirectory, String path) {
        if (path.isEmpty() || podDirectory.isEmpty()) {
            return "";
        }
        String what = "create container " + container;
        Path directory;
        Path log;
        try {
            directory = Path.of(podDirectory).normalize();
            log = directory.resolve(path).normalize();
        } catch (InvalidPathException e) {
            throw Fault.invalid(what, "its log path is none: " + e.getReason(), "Correct log_path or log_directory")
                    .causedBy(e);
        }
        if (!log.startsWith(directory)) {
            throw Fault.invalid(
                    what,
                    "log path \"" + path + "\" leaves the pod's log directory",
                    "Use a path relative to " + directory);
        }
        Path parent = log.getParent();
        if (parent == null || log.equals(directory)) {
            throw Fault.invalid(
                    what, "log path \"" + path + "\" is a directory", "Name a file below the pod's log directory");
        }
        if (!Files.isDirectory(parent)) {
            throw Fault.precondition(
                    what, "log directory " + parent + " does not exist", "Make it before the container");
        }
        return log.toString();
    }

    private SpecRequest request(
            String id, Pod pod, ContainerConfig config, Image image, ImageUser user, MountedImages mounted) {
        return new SpecRequest(
                id,
                config,
                new SpecRequest.Pod(
                        pod.id(),
                        pod.config(),
                        environment.hostname(pod),
                        pod.netns() == null ? null : Path.of(pod.netns()),
                        environment.files(pod.id())),
                image.config().config(),
                name(config.image(), image),
                user,
                mounted.trees(),
                volumes.of(id));
    }

    private static String stopSignal(ContainerConfig config, Image image) {
        if (config.stopSignal() != null) {
            return config.stopSignal();
        }
        String own = image.config().config().stopSignal();
        return own.isEmpty() ? "SIGTERM" : own;
    }
}

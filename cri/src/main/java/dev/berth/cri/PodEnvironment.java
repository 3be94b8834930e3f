package dev.berth.cri;

import dev.berth.cri.config.IdMapping;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.cri.config.NamespaceOptions.UserNamespace;
import dev.berth.cri.config.PodConfig;
import dev.berth.cri.spec.PodFiles;
import dev.berth.cri.spec.Sysctls;
import dev.berth.cri.spec.UserIds;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Meanwhile;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Timeline;
import dev.berth.network.Attachment;
import dev.berth.network.Bandwidth;
import dev.berth.network.NetworkNamespaces;
import dev.berth.network.PodNetworkRequest;
import dev.berth.network.PodNetworks;
import dev.berth.tasks.PodRequest;
import dev.berth.tasks.TaskId;
import dev.berth.tasks.Tasks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What the containers of a pod share: namespaces, network, files. Every undoing here may be repeated. */
final class PodEnvironment {
    private static final Logger LOG = LoggerFactory.getLogger(PodEnvironment.class);

    private static final long SHM_BYTES = 64L << 20;

    private final Tasks tasks;
    private final PodNetworks networks;
    private final NetworkNamespaces namespaces;
    private final UserNamespaceSupport userNamespaces;
    private final Path directory;
    private final NodeName nodeName;

    /** @param directory below which each pod has a folder for its files */
    PodEnvironment(
            Tasks tasks,
            PodNetworks networks,
            NetworkNamespaces namespaces,
            UserNamespaceSupport userNamespaces,
            NodeName nodeName,
            Path directory) {
        this.userNamespaces = userNamespaces;
        this.tasks = tasks;
        this.networks = networks;
        this.namespaces = namespaces;
        this.directory = directory;
        this.nodeName = nodeName;
    }

    /**
     * Makes everything; what fails is undone by {@link #discard}.
     *
     * @param record of the pod, being written meanwhile: what lies there before it is found by the next daemon without it, and
     *     that is so for namespaces only
     */
    Pod make(Pod pod, Meanwhile record, Timeline timeline) throws InterruptedException {
        NamespaceOptions namespaces = pod.config().namespaces();
        if (namespaces.network() == Mode.NODE) {
            tasks.createPod(request(pod));
            timeline.done("namespaces");
            record.await();
            return written(pod, timeline);
        }
        Pod planned = pod.withNetwork(this.namespaces.path(pod.id()).toString(), List.of());
        if (UserIds.of(namespaces).isPresent()) {
            record.await();
            return makeOwned(planned, timeline);
        }
        boolean first = namespaces.pid() == Mode.POD; // the init of the pod is born in it
        if (first) {
            makeNetwork(planned, timeline);
        }
        return makeBoth(planned, record, !first, timeline);
    }

    /** With a user namespace all others come from the supervisor, because it must own them. */
    private Pod makeOwned(Pod planned, Timeline timeline) throws InterruptedException {
        tasks.createPod(request(planned));
        String network = tasks.podStatus(task(planned.id()))
                .map(status -> status.info().getOrDefault(dev.berth.tasks.Pod.NETWORK, ""))
                .orElse("");
        if (network.isEmpty()) {
            throw Fault.unavailable(
                    "make pod " + planned.id(), "the supervisor has been replaced meanwhile", "Try again");
        }
        namespaces.adopt(planned.id(), Path.of(network), sysctls(planned.config(), true));
        timeline.done("namespaces");
        Pod made = connected(planned, networks.attach(networkRequest(planned)));
        timeline.done("network");
        return written(made, timeline);
    }

    private void makeNetwork(Pod pod, Timeline timeline) throws InterruptedException {
        namespaces.create(pod.id(), sysctls(pod.config(), true));
        timeline.done("network namespace");
    }

    /** Connects a pod and has the rest made meanwhile: only its hosts file needs to know its addresses. */
    private Pod makeBoth(Pod pod, Meanwhile record, boolean fromNothing, Timeline timeline)
            throws InterruptedException {
        try (var others = Meanwhile.begin("namespaces of pod " + pod.id(), () -> tasks.createPod(request(pod)));
                var files = Meanwhile.begin("files of pod " + pod.id(), () -> {
                    record.await();
                    write(pod);
                })) {
            if (fromNothing) {
                makeNetwork(pod, timeline);
            }
            record.await();
            timeline.done("wait for the record");
            Attachment attached = networks.attach(networkRequest(pod));
            timeline.done("network");
            others.await();
            files.await();
            timeline.done("other namespaces and files, made meanwhile");
            Pod connected = connected(pod, attached);
            writeHosts(connected);
            timeline.done("hosts file");
            return connected;
        }
    }

    private static Pod connected(Pod pod, Attachment attached) {
        return pod.withNetwork(pod.netns(), attached.texts());
    }

    /** Takes away what costs something while nobody uses it. */
    void stop(Pod pod) throws InterruptedException {
        tasks.stopPod(task(pod.id()));
        if (pod.config().namespaces().network() != Mode.NODE) {
            networks.detach(networkRequest(pod));
            namespaces.remove(pod.id());
        }
    }

    /** Takes everything away. */
    void discard(Pod pod) {
        try {
            stop(pod);
            tasks.removePod(task(pod.id()));
            deleteFiles(pod.id());
        } catch (IOException e) {
            throw Fault.internal("remove the files of pod " + pod.id(), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.ABORTED, "remove pod " + pod.id(), "interrupted", "Try again")
                    .causedBy(e);
        }
        LOG.debug("pod {} is gone", pod.id());
    }

    /** The folder of a pod with hosts, resolv.conf and hostname. */
    Path files(String podId) {
        return directory.resolve(podId);
    }

    static TaskId task(String podId) {
        return new TaskId(Namespace.KUBERNETES.name(), podId);
    }

    private PodRequest request(Pod pod) {
        PodConfig config = pod.config();
        NamespaceOptions options = config.namespaces();
        return new PodRequest(
                task(pod.id()),
                pod.handler(),
                pod.netns(),
                options.network() == Mode.NODE ? null : hostname(config),
                options.ipc() == Mode.NODE ? 0 : SHM_BYTES,
                options.pid() == Mode.POD,
                sysctls(config, false),
                config.cgroupParent(),
                UserIds.of(options)
                        .map(ids -> new PodRequest.Users(ranges(ids.uids()), ranges(ids.gids())))
                        .orElse(null));
    }

    private static List<PodRequest.Users.Range> ranges(List<IdMapping> ids) {
        return ids.stream()
                .map(range -> new PodRequest.Users.Range(range.containerId(), range.hostId(), range.length()))
                .toList();
    }

    /** Those of its network, or all others; the names are paths. */
    private static Map<String, String> sysctls(PodConfig config, boolean network) {
        return Sysctls.check(config.sysctls(), config.namespaces()).entrySet().stream()
                .filter(entry -> entry.getKey().startsWith("net/") == network)
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    PodNetworkRequest networkRequest(Pod pod) {
        PodConfig config = pod.config();
        var dns = config.dns();
        return new PodNetworkRequest(
                pod.id(),
                config.metadata().name(),
                config.metadata().namespace(),
                config.metadata().uid(),
                namespaces.path(pod.id()).toString(),
                config.portMappings().stream().map(PodEnvironment::port).toList(),
                bandwidth(pod),
                dns == null ? null : new PodNetworkRequest.Dns(dns.servers(), dns.searches(), dns.options()),
                config.annotations(),
                config.cgroupParent(),
                List.of(),
                "");
    }

    /** What {@link #check} has found good. A record from elsewhere may have other words, which must hinder no farewell. */
    private static @Nullable Bandwidth bandwidth(Pod pod) {
        try {
            return Bandwidth.of(pod.config().annotations()).orElse(null);
        } catch (Fault e) {
            LOG.debug("pod {} has no limits of bandwidth: {}", pod.id(), e.getMessage());
            return null;
        }
    }

    private static PodNetworkRequest.PortMapping port(PodConfig.PortMapping port) {
        var protocol = switch (port.protocol()) {
            case TCP -> PodNetworkRequest.Protocol.TCP;
            case UDP -> PodNetworkRequest.Protocol.UDP;
            case SCTP -> PodNetworkRequest.Protocol.SCTP;
        };
        return new PodNetworkRequest.PortMapping(protocol, port.containerPort(), port.hostPort(), port.hostIp());
    }

    private Pod written(Pod pod, Timeline timeline) {
        write(pod);
        timeline.done("files");
        return pod;
    }

    private void write(Pod pod) {
        try {
            PodFiles.write(files(pod.id()), content(pod.config(), pod.ips()));
            Optional<UserNamespace> ids = UserIds.of(pod.config().namespaces());
            if (ids.isPresent()) {
                PodFiles.give(files(pod.id()), (int) ids.get().uids().getFirst().hostId(), (int)
                        ids.get().gids().getFirst().hostId());
            }
        } catch (IOException e) {
            throw notWritten(pod, e);
        }
    }

    private void writeHosts(Pod pod) {
        try {
            PodFiles.writeHosts(files(pod.id()), content(pod.config(), pod.ips()));
        } catch (IOException e) {
            throw notWritten(pod, e);
        }
    }

    private static Fault notWritten(Pod pod, IOException e) {
        return Fault.internal("write the files of pod " + pod.id(), String.valueOf(e.getMessage()), "")
                .causedBy(e);
    }

    private PodFiles.Content content(PodConfig config, List<String> ips) {
        return new PodFiles.Content(
                hostname(config), ips, config.dns(), config.namespaces().network() == Mode.NODE);
    }

    /** The pod's own name, or the node's if it has none. */
    private String hostname(PodConfig config) {
        return config.hostname().isEmpty() ? nodeName.now() : config.hostname();
    }

    /** The name that a pod has, which is what its files say: the node may have another one since. */
    String hostname(Pod pod) {
        try {
            return pod.config().hostname().isEmpty()
                    ? Files.readString(files(pod.id()).resolve(PodFiles.HOSTNAME))
                            .strip()
                    : pod.config().hostname();
        } catch (IOException e) {
            throw Fault.internal("read the name of pod " + pod.id(), String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** @throws Fault INVALID_ARGUMENT for what could not be made */
    void check(PodConfig config) throws InterruptedException {
        UserIds.check(config);
        if (UserIds.of(config.namespaces()).isPresent()) {
            Optional<String> obstacle = userNamespaces.obstacle();
            if (obstacle.isPresent()) {
                throw Fault.precondition("make a pod with a user namespace", obstacle.get(), "Use hostUsers: true");
            }
        }
        Objects.requireNonNull(content(config, List.of()));
        Sysctls.check(config.sysctls(), config.namespaces());
        Objects.requireNonNull(Bandwidth.of(config.annotations()));
    }

    /** Removes the files of all but these pods. */
    void keepFilesOf(Set<String> podIds) throws IOException {
        if (Files.isDirectory(directory)) {
            List<String> found;
            try (var listing = Files.list(directory)) {
                found = listing.map(folder -> folder.getFileName().toString()).toList();
            }
            for (String id : found) {
                if (!podIds.contains(id)) {
                    deleteFiles(id);
                }
            }
        }
    }

    private void deleteFiles(String podId) throws IOException {
        Path folder = files(podId);
        if (Files.isDirectory(folder)) {
            List<Path> entries;
            try (var listing = Files.list(folder)) {
                entries = listing.toList();
            }
            for (Path entry : entries) {
                Files.deleteIfExists(entry);
            }
            Files.deleteIfExists(folder);
        }
    }
}

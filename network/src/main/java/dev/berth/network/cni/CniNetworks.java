package dev.berth.network.cni;

import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Rollback;
import dev.berth.kernel.Ticker;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.Attachment;
import dev.berth.network.NetworkState;
import dev.berth.network.PodNetworkRequest;
import dev.berth.network.PodNetworks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Pods connected by the CNI plugins that the node's administrator configured. The first right file of the configuration
 * directory counts for pods attached from then on; a pod is always detached by the one that attached it.
 */
public final class CniNetworks implements PodNetworks {
    private static final Logger LOG = LoggerFactory.getLogger(CniNetworks.class);
    /** A STATUS costs a process for each plugin, and the kubelet asks every few seconds. */
    private static final Duration STATUS_AGE = Duration.ofSeconds(10);

    /** Where networks and plugins are found. */
    private record Places(ConfDirectory directory, Plugins plugins, PluginChain chain) {
        static Places of(CniConfig config) {
            var plugins = new Plugins(config.binDirectories(), config.pluginLimit());
            return new Places(new ConfDirectory(config.confDirectory()), plugins, new PluginChain(plugins));
        }
    }

    private volatile Places places;
    private final AddedFiles files;
    private final Path rangesFile;
    private final Disk disk;
    private final Ticker ticker;
    private volatile List<IpPrefix> ranges;
    private volatile Asked asked;

    /** The last answer to STATUS. */
    private record Asked(@Nullable NetworkList list, long atNanos, NetworkState state) {}

    private CniNetworks(CniConfig config, Disk disk, Ticker ticker) throws IOException {
        this.places = Places.of(config);
        this.files = new AddedFiles(config.cacheDirectory().resolve("results"), disk);
        this.rangesFile = config.cacheDirectory().resolve("pod-cidr");
        this.disk = disk;
        this.ticker = ticker;
        this.ranges = Files.exists(rangesFile)
                ? Files.readAllLines(rangesFile).stream().map(IpPrefix::parse).toList()
                : List.of();
        this.asked = new Asked(null, ticker.nanos(), NetworkState.READY);
    }

    public static CniNetworks open(CniConfig config, Disk disk, Ticker ticker) throws IOException {
        return new CniNetworks(config, disk, ticker);
    }

    /** Has calls that begin from now on find networks and plugins there; what was attached before is kept where it was. */
    public void find(CniConfig config) {
        places = Places.of(config);
    }

    @Override
    public Attachment attach(PodNetworkRequest request) throws InterruptedException {
        PodArguments pod = PodArguments.of(request, ranges);
        NetworkList list = network(request.id());
        list.types()
                .forEach(
                        places.plugins()
                                ::require); // before anything is there that only the missing one could take away
        String id = request.id();
        try (Rollback undo = new Rollback()) {
            Optional<Added> before = files.read(id);
            if (before.isPresent()) {
                delete(before.get(), JsonObject.EMPTY); // an attempt that was broken off, or whose answer was not heard
            }
            Added intent = new Added(list, pod, null);
            files.writeIntent(intent);
            var soFar = new AtomicReference<>(JsonObject.EMPTY);
            undo.add("network of pod " + id, () -> delete(intent, soFar.get()));
            JsonObject result = places.chain().add(list, pod, soFar::set);
            files.writeResult(intent.with(result));
            Attachment attachment = CniResult.attachment(result);
            undo.commit();
            return attachment;
        } catch (IllegalArgumentException e) {
            throw Fault.internal(
                            "attach pod " + id, String.valueOf(e.getMessage()), "Look at the plugins' configuration")
                    .causedBy(e);
        } catch (IOException e) {
            throw files(id, e);
        }
    }

    /** The network of today. */
    private NetworkList network(String id) {
        return switch (places.directory().read()) {
            case ConfDirectory.Found.Network network -> network.list();
            case ConfDirectory.Found.Nothing nothing ->
                throw Fault.unavailable("attach pod " + id, nothing.message(), "");
        };
    }

    /**
     * By the configuration of the ADD. If that does not work, and never did, by the one of today: who corrects a config must
     * get rid of the pods that failed by it.
     */
    private void delete(Added added, JsonObject soFar) throws IOException, InterruptedException {
        try {
            places.chain().delete(withoutTheGone(added), soFar);
        } catch (Fault e) {
            Optional<NetworkList> today = today().filter(list -> !list.equals(added.list()));
            if (added.result() != null || today.isEmpty()) {
                throw e;
            }
            places.chain().delete(new Added(today.get(), added.pod(), null), soFar);
            LOG.warn(
                    "pod {} was never connected, and is disconnected by the config of today: {}",
                    added.pod().id(),
                    e.getMessage());
        }
        files.remove(added.pod().id());
    }

    /** A plugin that was uninstalled, and that the network does not name any more, can be asked nothing, now or ever. */
    private Added withoutTheGone(Added added) {
        Optional<NetworkList> today = today();
        if (today.isEmpty()) {
            return added;
        }
        List<String> gone = added.list().types().stream()
                .filter(type -> !today.get().types().contains(type))
                .filter(type -> places.plugins().find(type).isEmpty())
                .toList();
        gone.forEach(type -> LOG.warn(
                "pod {}: plugin {} of its network {} is not on this node any more; what it holds outside of the pod stays",
                added.pod().id(),
                type,
                added.list().name()));
        return gone.isEmpty() ? added : new Added(added.list().without(gone), added.pod(), added.result());
    }

    private Optional<NetworkList> today() {
        return switch (places.directory().read()) {
            case ConfDirectory.Found.Network network -> Optional.of(network.list());
            case ConfDirectory.Found.Nothing nothing -> Optional.empty();
        };
    }

    @Override
    public void detach(PodNetworkRequest request) throws InterruptedException {
        try {
            Optional<Added> added = files.read(request.id());
            if (added.isPresent()) {
                delete(added.get(), JsonObject.EMPTY);
            } else {
                files.remove(request.id()); // there is none, or one torn by a power loss, before any plugin ran
            }
        } catch (IOException e) {
            throw files(request.id(), e);
        }
    }

    @Override
    public void check(PodNetworkRequest request) throws InterruptedException {
        try {
            Added added = files.read(request.id())
                    .filter(a -> a.result() != null)
                    .orElseThrow(
                            () -> Fault.notFound("check the network of pod " + request.id(), "it is not attached", ""));
            if (added.list().checks()) {
                places.chain().check(added);
            }
        } catch (IOException e) {
            throw files(request.id(), e);
        }
    }

    @Override
    public Optional<Attachment> find(String podId) {
        try {
            Optional<JsonObject> result = files.read(podId).flatMap(added -> Optional.ofNullable(added.result()));
            return result.map(CniResult::attachment);
        } catch (IOException e) {
            throw files(podId, e);
        }
    }

    @Override
    public Set<String> attached() {
        try {
            return Set.copyOf(files.list());
        } catch (IOException e) {
            throw files("any", e);
        }
    }

    @Override
    public void collectGarbage(Set<String> podIds) throws InterruptedException {
        if (places.directory().read() instanceof ConfDirectory.Found.Network network
                && network.list().collectsGarbage()) {
            try {
                places.chain()
                        .collectGarbage(network.list(), podIds.stream().sorted().toList());
            } catch (Fault e) {
                LOG.warn("network {}: {}", network.list().name(), e.getMessage());
            }
        }
    }

    @Override
    public NetworkState state() throws InterruptedException {
        return switch (places.directory().read()) {
            case ConfDirectory.Found.Nothing nothing -> NetworkState.notReady(nothing.reason(), nothing.message());
            case ConfDirectory.Found.Network network -> state(network);
        };
    }

    private NetworkState state(ConfDirectory.Found.Network network) throws InterruptedException {
        for (String type : network.list().types()) {
            if (places.plugins().find(type).isEmpty()) {
                return NetworkState.notReady(
                        "CniPluginMissing",
                        "network " + network.list().name() + " needs the plugin " + type + ", which is not in "
                                + places.plugins().directories()
                                + ". Install it or name its directory in network.bin_dirs");
            }
        }
        Asked last = asked;
        if (network.list().hasStatus()) {
            if (!network.list().equals(last.list())
                    || ticker.since(last.atNanos()).compareTo(STATUS_AGE) > 0) {
                last = new Asked(network.list(), ticker.nanos(), ask(network.list()));
                asked = last;
            }
            if (!last.state().ready()) {
                return last.state();
            }
        }
        return new NetworkState(true, "", network.ignored());
    }

    private NetworkState ask(NetworkList list) throws InterruptedException {
        try {
            places.chain().status(list);
            return NetworkState.READY;
        } catch (Fault e) {
            return NetworkState.notReady("CniStatus", String.valueOf(e.getMessage()));
        }
    }

    @Override
    public void updatePodCidr(List<IpPrefix> newRanges) {
        if (newRanges.isEmpty() || newRanges.equals(ranges)) {
            return;
        }
        try {
            List<String> lines = newRanges.stream().map(IpPrefix::toString).toList();
            disk.replace(rangesFile, String.join("\n", lines).getBytes(StandardCharsets.UTF_8));
            ranges = List.copyOf(newRanges);
        } catch (IOException e) {
            throw files("any", e);
        }
    }

    private static Fault files(String podId, IOException e) {
        return Fault.internal(
                        "keep the CNI result of pod " + podId,
                        String.valueOf(e.getMessage()),
                        "Look at the disk's space and health")
                .causedBy(e);
    }

    /** Nothing runs between calls. */
    @Override
    public void close() {}
}

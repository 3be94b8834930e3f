package dev.berth.daemon;

import dev.berth.cri.CriConfig;
import dev.berth.cri.spec.HandlerRules;
import dev.berth.cri.spec.SpecBuilder;
import dev.berth.cri.streaming.StreamingConfig;
import dev.berth.daemon.metrics.Gauges;
import dev.berth.daemon.metrics.Metrics;
import dev.berth.images.ImageSettings;
import dev.berth.images.Verification;
import dev.berth.images.registry.Connections;
import dev.berth.images.registry.Patience;
import dev.berth.images.registry.RegistryClient;
import dev.berth.images.registry.RegistrySettings;
import dev.berth.kernel.Disk;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.PodNetworks;
import dev.berth.network.bridge.BridgeConfig;
import dev.berth.network.bridge.BridgeNetwork;
import dev.berth.network.cni.CniConfig;
import dev.berth.network.cni.CniNetworks;
import dev.berth.oci.Platform;
import dev.berth.oci.RuntimeSpec;
import dev.berth.snapshots.NativeSnapshotter;
import dev.berth.snapshots.OverlaySnapshotter;
import dev.berth.snapshots.Snapshotter;
import dev.berth.snapshots.Snapshotters;
import dev.berth.store.Store;
import dev.berth.tasks.Handler;
import dev.berth.tasks.TasksConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** Parts of the daemon whose choice or settings follow from the config. */
final class Parts {
    private static final String OVERLAY = "overlay";
    private static final String OVERLAY_NAME = "overlayfs"; // the snapshotter's own, which is containerd's

    private Parts() {}

    static PodNetworks networks(Config config, Disk disk, Ticker ticker) throws IOException, InterruptedException {
        return switch (config.network().mode()) {
            case BUILTIN -> BridgeNetwork.open(bridge(config), disk, ticker);
            case CNI -> CniNetworks.open(cni(config), disk, ticker);
        };
    }

    static CniConfig cni(Config config) {
        return new CniConfig(
                config.network().confDir(),
                config.network().binDirs(),
                config.root().resolve("network"),
                config.network().pluginLimit());
    }

    static BridgeConfig bridge(Config config) {
        List<IpPrefix> subnets =
                config.network().subnets().stream().map(Parts::subnet).toList();
        if (config.network().ipv6() && !subnets.isEmpty() && subnets.stream().noneMatch(IpPrefix::isV6)) {
            throw Fault.invalid(
                    "config, setting network.ipv6",
                    "network.subnets names no range of IPv6",
                    "Add one as fd00:88::/64, or leave network.subnets empty to have ranges chosen");
        }
        return new BridgeConfig(
                config.network().bridge(),
                subnets,
                config.network().ipv6(),
                0,
                config.root().resolve("network"));
    }

    private static IpPrefix subnet(String text) {
        try {
            return IpPrefix.parse(text);
        } catch (IllegalArgumentException e) {
            throw Fault.invalid(
                            "setting network.subnets",
                            "\"" + text + "\" is not a range of addresses",
                            "Write it as 10.88.0.0/16")
                    .causedBy(e);
        }
    }

    /** The main one as configured, and always the one that copies: a client may ask for it. */
    static Snapshotters snapshotters(Config config, Store store, Disk disk) throws IOException {
        Path directory = config.root().resolve("snapshots");
        Files.createDirectories(directory);
        boolean copies = switch (config.images().snapshotter()) {
            case "native" -> true;
            case OVERLAY -> false;
            default -> !OverlaySupport.of(directory);
        };
        Snapshotter copying = new NativeSnapshotter(config.root().resolve("native"), store.metadata(), disk)
                .takeOver(directory); // both kinds were kept there once
        boolean wanted = config.runtimes().handlers().values().stream()
                .anyMatch(handler -> handler.snapshotter().equals(OVERLAY));
        Snapshotters snapshotters;
        if (!copies) {
            snapshotters =
                    new Snapshotters(new OverlaySnapshotter(directory, store.metadata(), disk), List.of(copying));
        } else if (wanted && OverlaySupport.of(directory)) {
            snapshotters =
                    new Snapshotters(copying, List.of(new OverlaySnapshotter(directory, store.metadata(), disk)));
        } else {
            snapshotters = Snapshotters.of(copying);
        }
        snapshotters.all().forEach(Snapshotter::recover);
        return snapshotters;
    }

    static TasksConfig tasks(Config config) throws IOException {
        Map<String, Handler> handlers = handlers(config);
        return tasks(config, () -> handlers);
    }

    /** @param handlers as they are at any moment */
    static TasksConfig tasks(Config config, Supplier<Map<String, Handler>> handlers) throws IOException {
        return new TasksConfig(config.state(), config.root(), supervisorCommand(config), config.socket(), handlers)
                .withVersion(supervisorVersion(config))
                .withSupervisorCgroup(config.runtimes().supervisorCgroup());
    }

    /** @param snapshotters those that were opened */
    static CriConfig cri(Config config, Set<String> snapshotters) {
        return new CriConfig(
                Version.NAME,
                Version.NUMBER,
                config.root(),
                config.state(),
                new SpecBuilder.Settings(
                        systemd(config),
                        config.cri().deviceOwnership(),
                        config.cri().cdiSpecDirs()),
                rules(config, snapshotters));
    }

    private static Map<String, HandlerRules> rules(Config config, Set<String> snapshotters) {
        var rules = new TreeMap<String, HandlerRules>();
        handlers(config).keySet().forEach(name -> rules.put(name, rules(config, name, snapshotters)));
        return rules;
    }

    private static HandlerRules rules(Config config, String name, Set<String> snapshotters) {
        Config.Handler handler = config.runtimes()
                .handlers()
                .get(name.isEmpty() ? config.runtimes().defaultHandler() : name);
        return handler == null
                ? HandlerRules.NONE
                : new HandlerRules(
                        handler.podAnnotations().stream()
                                .map(HandlerRules::pattern)
                                .toList(),
                        handler.containerAnnotations().stream()
                                .map(HandlerRules::pattern)
                                .toList(),
                        handler.baseSpec().isEmpty() ? null : baseSpec(name, Path.of(handler.baseSpec())),
                        snapshotter(name, handler.snapshotter(), snapshotters));
    }

    private static String snapshotter(String handler, String chosen, Set<String> opened) {
        String name = chosen.equals(OVERLAY) ? OVERLAY_NAME : chosen;
        if (!name.isEmpty() && !opened.contains(name)) {
            throw Fault.invalid(
                    "config, setting runtime." + handler + ".snapshotter",
                    "this daemon has not opened the snapshotter \"" + chosen + "\"",
                    "Look with `berth check` whether the file system of root can carry it, and restart the daemon");
        }
        return name;
    }

    private static RuntimeSpec baseSpec(String name, Path file) {
        try {
            return RuntimeSpec.fromJson(Files.readAllBytes(file));
        } catch (IOException | Fault e) {
            throw Fault.invalid(
                            "config, setting runtime." + name + ".base_spec",
                            file + " is no OCI spec that can be read: " + e.getMessage(),
                            "Write one, as `runc spec` prints it")
                    .causedBy(e);
        }
    }

    static StreamingConfig streaming(Config config) {
        Config.Streaming given = config.streaming();
        if (given.certificate().isEmpty() != given.key().isEmpty()) {
            throw Fault.invalid(
                    "config, settings streaming.tls_certificate and streaming.tls_key",
                    "only one of them is given",
                    "Give both for HTTPS, none for HTTP");
        }
        try {
            return new StreamingConfig(
                    InetAddress.ofLiteral(given.address()),
                    given.port(),
                    given.key().isEmpty()
                            ? null
                            : new StreamingConfig.Tls(Path.of(given.certificate()), Path.of(given.key())),
                    Duration.ofMinutes(given.idleMinutes()));
        } catch (IllegalArgumentException e) {
            throw Fault.invalid(
                            "config, setting streaming.address",
                            "\"" + given.address() + "\" is not an IP address",
                            "Write one of this node, as 127.0.0.1")
                    .causedBy(e);
        }
    }

    /** Empty if nobody is to see them: then nothing is measured either. */
    static Optional<Metrics> metrics(Config config, Gauges.Sources sources, Ticker ticker) {
        return config.metricsAddress().isEmpty()
                ? Optional.empty()
                : Optional.of(Metrics.serve(config.metricsAddress(), sources, ticker));
    }

    static ImageSettings images(Config config) {
        int layers = config.images().downloads();
        return new ImageSettings(
                Platform.host(), layers, 4 * layers, Set.of(), config.images().discard(), verification(config));
    }

    static Verification verification(Config config) {
        Config.Verifier verifier = config.images().verifier();
        return new Verification(verifier.binDir(), verifier.most(), verifier.limit());
    }

    static RegistryClient registries(Config config, Ticker ticker) {
        return new RegistryClient(registrySettings(config), ticker);
    }

    static RegistrySettings registrySettings(Config config) {
        Config.Registry given = config.registry();
        return new RegistrySettings(
                given.configPath(),
                RegistryLogins.of(given),
                given.loginsToMirrors(),
                new Connections(
                        given.connections(),
                        given.ranges().perLayer(),
                        given.ranges().bytes(),
                        given.ranges().fast(),
                        Connections.DEFAULT.look()),
                Patience.DEFAULT.withProgress(given.progress()),
                System.getenv());
    }

    private static boolean systemd(Config config) {
        return config.runtimes().cgroupDriver() == Config.Runtimes.CgroupDriver.SYSTEMD;
    }

    static Map<String, Handler> handlers(Config config) {
        var handlers = new TreeMap<String, Handler>();
        handlers.put("", new Handler.Builtin("", systemd(config)));
        handlers.put("crun", new Handler.Builtin("crun", systemd(config)));
        handlers.put("runc", new Handler.Builtin("runc", systemd(config)));
        config.runtimes().handlers().forEach((name, handler) -> handlers.put(name, handler(handler, config)));
        String chosen = config.runtimes().defaultHandler();
        if (!chosen.isEmpty()) {
            Handler found = handlers.get(chosen);
            if (found == null) {
                throw Fault.invalid(
                        "config, setting runtime.default",
                        "there is no handler \"" + chosen + "\"",
                        "Add [runtime." + chosen + "], or use one of " + handlers.keySet());
            }
            handlers.put("", found);
        }
        return handlers;
    }

    private static Handler handler(Config.Handler handler, Config config) {
        if (!handler.isShim()) {
            return new Handler.Builtin(program(handler.path()).toString(), systemd(config));
        }
        return new Handler.Foreign(program(handler.path()), options(handler), Handler.Bootstrapping.DETECT);
    }

    static Handler.ShimOptions options(Config.Handler handler) {
        Config.Options given = handler.options();
        if (handler.isRuncShim()) {
            return Handler.ShimOptions.runc(
                    given.binaryName(), given.root(), given.systemdCgroup(), given.noPivotRoot(), given.noNewKeyring());
        }
        return given.configPath().isEmpty()
                ? Handler.ShimOptions.NONE
                : Handler.ShimOptions.configFile(Path.of(given.configPath()));
    }

    /** Where an OCI runtime or a shim is, or should be: one that is missing fails its pods and does not stop the daemon. */
    private static Path program(String program) {
        return onPath(program).orElseGet(() -> Path.of("/usr/bin", program));
    }

    private static Optional<Path> onPath(String program) {
        if (program.startsWith("/")) {
            return Optional.of(Path.of(program));
        }
        String path = System.getenv("PATH");
        for (String folder : (path == null ? "/usr/local/bin:/usr/bin:/bin" : path).split(":", -1)) {
            Path candidate = Path.of(folder, program);
            if (Files.isExecutable(candidate)) {
                return Optional.of(candidate);
            }
        }
        return Optional.empty();
    }

    /**
     * What a supervisor that runs must be, or it is replaced: the same program, which the build has told by a hash of all
     * that it consists of, with the same settings.
     */
    private static String supervisorVersion(Config config) throws IOException {
        String build =
                Files.readString(supervisorFolder().resolve("shim.version")).strip();
        List<String> without = config.runtimes().without();
        return Version.NUMBER + "+" + build + (without.isEmpty() ? "" : "-without-" + String.join("-", without));
    }

    private static Path supervisorFolder() {
        return Path.of(System.getProperty("berth.home", ".")).toAbsolutePath().resolve("shim");
    }

    /** The supervisor runs from the same installation as this daemon, with its own flags and class path. */
    private static List<String> supervisorCommand(Config config) throws IOException {
        Path shim = supervisorFolder();
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
        command.addAll(Files.readAllLines(shim.resolve("jvm.flags")));
        Path cache = shim.resolve("shim.aot");
        if (Files.exists(cache)) {
            command.add("-XX:AOTCache=" + cache);
        }
        command.add("-Dberth.log.level=" + config.log().level());
        command.add("-cp");
        command.add(Files.readAllLines(shim.resolve("class.path")).stream()
                .map(jar -> shim.resolve(jar).toString())
                .collect(Collectors.joining(":")));
        command.add("dev.berth.shim.Main");
        command.addAll(List.of("--version", supervisorVersion(config)));
        for (String shortcut : config.runtimes().without()) {
            command.addAll(List.of("--without", shortcut));
        }
        config.runtimes().handlers().forEach((name, handler) -> {
            if (handler(handler, config) instanceof Handler.Builtin(String path, var _)) {
                command.addAll(List.of("--runtime", name + "=" + path));
            }
        });
        return command;
    }
}

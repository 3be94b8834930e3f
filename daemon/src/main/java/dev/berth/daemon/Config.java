package dev.berth.daemon;

import dev.berth.kernel.Fault;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;

/**
 * The daemon's settings. Every one has a default that is right for a node with containerd's paths for what both share.
 *
 * @param root what must survive a reboot: images, records
 * @param state what a reboot may take: sockets, running containers' files
 * @param metricsAddress where metrics are served, host:port or the path of a Unix socket; empty for nowhere
 */
record Config(
        Path root,
        Path state,
        Path socket,
        Log log,
        String metricsAddress,
        Registry registry,
        Network network,
        Images images,
        Runtimes runtimes,
        Cri cri,
        Streaming streaming) {

    private static final Path STATE = Path.of("/run/berth");
    private static final String SUPERVISOR = "supervisor.sock";

    /** What the kernel takes for the path of a Unix socket. */
    private static final int SOCKET_BYTES = 107;

    private static final String SUPERVISOR_CGROUP = "/berth-supervisor";

    /**
     * @param level the least that is logged
     * @param format text or json
     */
    record Log(String level, String format) {}

    /**
     * @param configPath trees of {@code HOST/hosts.toml} in containerd's format; the first that knows a host counts
     * @param dockerConfig a config.json of Docker with logins; empty for none
     * @param loginsToMirrors whether mirrors see the logins for the registry that they stand in for
     * @param progress how long a download may bring no byte
     * @param connections bodies that are read from one host at the same time
     * @param ranges when one layer is fetched over several of them
     * @param logins by the registry that they are for
     */
    record Registry(
            List<Path> configPath,
            String dockerConfig,
            boolean loginsToMirrors,
            Duration progress,
            int connections,
            Ranges ranges,
            Map<String, Login> logins) {}

    /**
     * @param perLayer connections for one layer at the most
     * @param bytes how long a piece is
     * @param fast bytes in a second at which one connection is left alone
     */
    record Ranges(int perLayer, long bytes, long fast) {}

    /**
     * One of: a user with a password or a file that holds it; an identity token; a registry token. Empty is not given.
     *
     * @param passwordFile read for each pull
     */
    record Login(String username, String password, String passwordFile, String identityToken, String registryToken) {
        @Override
        public String toString() {
            return "Login[" + username + "]";
        }
    }

    /**
     * @param pluginLimit how long one CNI plugin may take for one command
     * @param bridge name of the built-in network's bridge
     * @param subnets address ranges of the built-in network, at most one of each family; empty to choose a free one
     * @param ipv6 whether pods of the built-in network have addresses of IPv6 too
     * @param spares network namespaces that are made before a pod asks for them
     */
    record Network(
            Mode mode,
            Path confDir,
            List<Path> binDirs,
            Duration pluginLimit,
            String bridge,
            List<String> subnets,
            boolean ipv6,
            int spares) {
        enum Mode {
            CNI,
            BUILTIN
        }
    }

    /**
     * @param snapshotter overlay, native, or auto for overlay where the file system can carry it
     * @param downloads layers fetched at the same time for one image
     * @param discard whether the packed layers of what the CRI pulls go when they are unpacked
     */
    record Images(String snapshotter, int downloads, boolean discard, Verifier verifier) {}

    /** Programs that judge images, as containerd's: where they are, how many are asked, how long each may take. */
    record Verifier(Path binDir, int most, Duration limit) {}

    /**
     * @param port 0 for any that is free
     * @param certificate file for TLS; empty for plain HTTP, as the key
     */
    record Streaming(String address, int port, String certificate, String key, int idleMinutes) {}

    /**
     * @param defaultHandler used when a request names none; empty for the first that works of crun, runc
     * @param supervisorCgroup where the supervisor lives, away from the daemon; empty to stay where the daemon is
     * @param without shortcuts of the supervisor that are turned off
     * @param handlers by name; crun and runc are there without being named
     */
    record Runtimes(
            String defaultHandler,
            CgroupDriver cgroupDriver,
            String supervisorCgroup,
            List<String> without,
            Map<String, Handler> handlers) {
        enum CgroupDriver {
            CGROUPFS,
            SYSTEMD
        }
    }

    /**
     * How containers of CRI are made.
     *
     * @param cdiSpecDirs where vendors describe their devices; empty for no CDI
     * @param deviceOwnership whether devices belong to the user and group of the security context
     */
    record Cri(List<Path> cdiSpecDirs, boolean deviceOwnership) {}

    /**
     * A way to run containers.
     *
     * @param path an OCI runtime, or a shim if its name begins with containerd-shim-; a bare name is looked up on PATH
     * @param options what it is told; each kind of handler knows some of them
     * @param podAnnotations patterns of those that it gets to see, as {@code containerAnnotations}
     * @param baseSpec a file with what its containers have besides what is asked for; empty for none
     * @param snapshotter overlay or native, on which its containers stand; empty for that of all others
     */
    record Handler(
            String path,
            Options options,
            List<String> podAnnotations,
            List<String> containerAnnotations,
            String baseSpec,
            String snapshotter) {
        static final String SHIM = "containerd-shim-";

        private static final String RUNC_SHIM = SHIM + "runc-";

        private static String program(String path) {
            return path.substring(path.lastIndexOf('/') + 1);
        }

        boolean isShim() {
            return isShim(path);
        }

        static boolean isShim(String path) {
            return program(path).startsWith(SHIM);
        }

        static boolean isRuncShim(String path) {
            return program(path).startsWith(RUNC_SHIM);
        }

        /** A shim that is told containerd.runc.v1.Options. */
        boolean isRuncShim() {
            return isRuncShim(path);
        }
    }

    /**
     * Options of a handler, named as in containerd's config. An OCI runtime of ours has only SystemdCgroup, a shim for runc all
     * but the first, any other shim only the first.
     *
     * @param configPath a file that the shim reads; empty for none
     * @param binaryName the OCI runtime that the shim runs; empty for its own choice, as the next
     * @param root where that runtime keeps its state
     */
    record Options(
            String configPath,
            String binaryName,
            String root,
            boolean systemdCgroup,
            boolean noPivotRoot,
            boolean noNewKeyring) {}

    /** The settings of an empty file. */
    static Config defaults() {
        return of(Settings.parse(ConfigFile.NONE, ""));
    }

    /**
     * Reads a config file.
     *
     * @throws Fault INVALID_ARGUMENT with the name of the setting and what to write instead
     */
    static Config read(Path file) {
        return ConfigFile.read(file).config();
    }

    /** @throws Fault INVALID_ARGUMENT with the name of the setting and what to write instead */
    static Config of(Settings file) {
        Path state = file.path("state", STATE.toString());
        Settings network = file.table("network");
        Settings runtime = file.table("runtime");
        boolean systemd = runtime.oneOf("cgroup_driver", "cgroupfs", List.of("cgroupfs", "systemd"))
                .equals("systemd");
        Settings streaming = file.table("streaming");
        var config = new Config(
                file.path("root", "/var/lib/berth"),
                state,
                file.path("socket", state.resolve("berth.sock").toString()),
                new Log(
                        file.oneOf("log_level", "info", List.of("trace", "debug", "info", "warn", "error")),
                        file.oneOf("log_format", "text", List.of("text", "json"))),
                file.table("metrics").address("address", ""),
                registry(file.table("registry")),
                new Network(
                        network.oneOf("mode", "cni", List.of("cni", "builtin")).equals("cni")
                                ? Network.Mode.CNI
                                : Network.Mode.BUILTIN,
                        network.path("conf_dir", "/etc/cni/net.d"),
                        network.paths("bin_dirs", List.of("/opt/cni/bin", "/usr/lib/cni")),
                        Duration.ofSeconds(network.number("plugin_seconds", 120, 1, 3600)),
                        network.text("bridge", "berth0"),
                        network.texts("subnets", List.of()),
                        network.flag("ipv6", false),
                        network.number("spare_namespaces", 4, 0, 64)),
                images(file.table("images")),
                new Runtimes(
                        runtime.text("default", ""),
                        systemd ? Runtimes.CgroupDriver.SYSTEMD : Runtimes.CgroupDriver.CGROUPFS,
                        runtime.cgroup("supervisor_cgroup", supervisorCgroup(state)),
                        runtime.texts("without", List.of()),
                        handlers(runtime, systemd)),
                cri(file.table("cri")),
                new Streaming(
                        streaming.text("address", "127.0.0.1"),
                        streaming.number("port", 0, 0, 65535),
                        streaming.text("tls_certificate", ""),
                        streaming.text("tls_key", ""),
                        streaming.number("idle_minutes", 240, 1, 60 * 24 * 365)));
        file.refuseUnknown();
        requireShort("state", config.state().resolve(SUPERVISOR));
        requireShort("socket", config.socket());
        return config;
    }

    private static void requireShort(String setting, Path socket) {
        int bytes = socket.toString().getBytes(StandardCharsets.UTF_8).length;
        if (bytes > SOCKET_BYTES) {
            throw Fault.invalid(
                    "config, setting " + setting,
                    "the path of the socket " + socket + " has " + bytes + " bytes, and Linux takes " + SOCKET_BYTES,
                    "Choose a shorter one");
        }
    }

    private static Cri cri(Settings table) {
        return new Cri(
                table.paths("cdi_spec_dirs", List.of("/etc/cdi", "/var/run/cdi")),
                table.flag("device_ownership_from_security_context", false));
    }

    private static Registry registry(Settings table) {
        var logins = new TreeMap<String, Login>();
        Settings named = table.table("login");
        for (String server : named.tables()) {
            Settings login = named.table(server);
            logins.put(
                    server,
                    new Login(
                            login.text("username", ""),
                            login.text("password", ""),
                            login.text("password_file", ""),
                            login.text("identity_token", ""),
                            login.text("registry_token", "")));
        }
        return new Registry(
                table.searchPath("config_path", "/etc/containerd/certs.d"),
                table.text("docker_config", ""),
                table.flag("logins_to_mirrors", false),
                Duration.ofSeconds(table.number("progress_seconds", 300, 5, 86_400)),
                table.number("connections", 16, 1, 256),
                new Ranges(
                        table.number("ranges_per_layer", 4, 1, 16),
                        (long) table.number("range_mib", 2, 1, 32) << 20,
                        (long) table.number("range_below_mib_per_second", 16, 1, 10_000) << 20),
                logins);
    }

    private static Images images(Settings table) {
        Settings verifier = table.table("verifier");
        return new Images(
                table.oneOf("snapshotter", "auto", List.of("auto", "overlay", "native")),
                table.number("downloads", 4, 1, 64),
                table.flag("discard_unpacked_layers", false),
                new Verifier(
                        verifier.path("bin_dir", "/opt/containerd/image-verifier/bin"),
                        verifier.number("max_verifiers", 10, -1, 1000),
                        Duration.ofSeconds(verifier.number("seconds", 10, 1, 3600))));
    }

    /**
     * This config as far as it can be followed by a daemon that was started with another one; the rest is the other's. What counts to
     * which is told by {@link Reload#isReloaded}.
     */
    Config after(Config started) {
        boolean sameDriver =
                runtimes.cgroupDriver() == started.runtimes.cgroupDriver(); // handlers have it in their options
        Network places = network;
        Network net = started.network;
        return new Config(
                started.root,
                started.state,
                started.socket,
                new Log(log.level(), started.log.format()),
                started.metricsAddress,
                new Registry(
                        registry.configPath(),
                        registry.dockerConfig(),
                        registry.loginsToMirrors(),
                        started.registry.progress(),
                        started.registry.connections(),
                        started.registry.ranges(),
                        registry.logins()),
                new Network(
                        net.mode(),
                        places.confDir(),
                        places.binDirs(),
                        places.pluginLimit(),
                        net.bridge(),
                        net.subnets(),
                        net.ipv6(),
                        net.spares()),
                new Images(
                        started.images.snapshotter(), started.images.downloads(), images.discard(), images.verifier()),
                sameDriver
                        ? new Runtimes(
                                runtimes.defaultHandler(),
                                started.runtimes.cgroupDriver(),
                                started.runtimes.supervisorCgroup(),
                                started.runtimes.without(),
                                runtimes.handlers())
                        : started.runtimes,
                cri,
                new Streaming(
                        started.streaming.address(),
                        started.streaming.port(),
                        streaming.certificate(),
                        streaming.key(),
                        streaming.idleMinutes()));
    }

    /** Each state directory has a supervisor of its own, and a cgroup for it. */
    private static String supervisorCgroup(Path state) {
        return state.equals(STATE)
                ? SUPERVISOR_CGROUP
                : SUPERVISOR_CGROUP + "-"
                        + UUID.nameUUIDFromBytes(state.toString().getBytes(StandardCharsets.UTF_8));
    }

    private static Map<String, Handler> handlers(Settings runtime, boolean systemd) {
        var handlers = new TreeMap<String, Handler>();
        for (String name : runtime.tables()) {
            Settings table = runtime.table(name);
            String path = table.text("path", name);
            handlers.put(
                    name,
                    new Handler(
                            path,
                            options(table.table("options"), path, systemd),
                            table.texts("pod_annotations", List.of()),
                            table.texts("container_annotations", List.of()),
                            table.text("base_spec", ""),
                            table.oneOf("snapshotter", "", List.of("", "overlay", "native"))));
        }
        return handlers;
    }

    /** Asks only for what the handler is told, so that the rest is refused. */
    private static Options options(Settings table, String path, boolean systemd) {
        if (Handler.isShim(path) && !Handler.isRuncShim(path)) {
            return new Options(table.text("config_path", ""), "", "", systemd, false, false);
        }
        if (table.flag("SystemdCgroup", systemd) != systemd) {
            throw table.wrong(
                    "SystemdCgroup",
                    "runtime.cgroup_driver says otherwise, and there is one for the whole node",
                    "Leave it out, or change runtime.cgroup_driver and the kubelet's cgroupDriver");
        }
        return Handler.isShim(path)
                ? new Options(
                        "",
                        table.text("BinaryName", ""),
                        table.text("Root", ""),
                        systemd,
                        table.flag("NoPivotRoot", false),
                        table.flag("NoNewKeyring", false))
                : new Options("", "", "", systemd, false, false);
    }
}

package dev.berth.network;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Ids;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Fd;
import dev.berth.linux.Namespaces;
import dev.berth.linux.netlink.Link;
import dev.berth.linux.netlink.Rtnetlink;
import dev.berth.linux.netlink.Sysctl;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The network namespaces of pods, each pinned by a mount at {@code <directory>/<id>}: the only mount of a pod that the host
 * sees, because CNI plugins want a path.
 */
public final class NetworkNamespaces implements AutoCloseable {
    private static final String NET = "net.";

    private final Path directory;
    private final Spares spares;

    private NetworkNamespaces(Path directory, Spares spares) {
        this.directory = directory;
        this.spares = spares;
    }

    /** Uses a directory, as {@link #open(Path, int, Ticker)} does, and makes nothing in advance. */
    public static NetworkNamespaces open(Path directory) throws IOException {
        return open(directory, 0, Ticker.system());
    }

    /**
     * Uses a directory, which is made if need be; its parent exists.
     *
     * @param spares how many namespaces to have ready before they are asked for; 0 for none
     */
    public static NetworkNamespaces open(Path directory, int spares, Ticker ticker) throws IOException {
        if (!Files.isDirectory(directory)) {
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx--x--x")));
        }
        return new NetworkNamespaces(directory, new Spares(spares, ticker));
    }

    /** Where a pod's namespace is pinned, or would be. */
    public Path path(String id) {
        return directory.resolve(Ids.check("network namespace", id));
    }

    /** Whether there is a namespace where a pod's is pinned; false if somebody unmounted it or removed the file. */
    public boolean isPinned(String id) {
        try { // of another file system than the file that it is mounted on
            return !Files.getAttribute(path(id), "unix:dev").equals(Files.getAttribute(directory, "unix:dev"));
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Makes a namespace with its loopback up, and pins it. In it every user may serve on every port and ping, unless the settings
     * say otherwise, as Docker and containerd have it: images are built for that. One of the same id is dropped first: it is from an attempt that
     * was broken off.
     *
     * @param sysctls those that begin with {@code net.}, by their usual names with dots, or with {@code net/}, as paths, are
     *     set in it; others are not meant for us
     * @return its path
     * @throws Fault INVALID_ARGUMENT if there is no such setting or it refuses the value
     */
    public Path create(String id, Map<String, String> sysctls) throws InterruptedException {
        Path path = path(id);
        try {
            Namespaces.unpin(path);
            try (Fd namespace = spares.take()) {
                set(namespace, sysctls);
                Namespaces.pin(namespace, path);
            }
            return path;
        } catch (IOException e) {
            throw Fault.internal("create the network namespace of " + id, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /**
     * Pins a namespace that somebody else has made, with its loopback up, as {@link #create} does its own.
     *
     * @param made where it is now
     */
    public Path adopt(String id, Path made, Map<String, String> sysctls) throws InterruptedException {
        Path path = path(id);
        try {
            Namespaces.unpin(path);
            try (Fd namespace = Namespaces.open(made)) {
                Namespaces.enter(List.of(namespace), () -> {
                    Spares.setLoopbackUp();
                    Spares.letUsersServe();
                    set(sysctls);
                    return true;
                });
                Namespaces.pin(namespace, path);
            }
            return path;
        } catch (IOException e) {
            throw Fault.internal("pin the network namespace of " + id, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    private static void set(Fd namespace, Map<String, String> sysctls) throws IOException, InterruptedException {
        if (sysctls.keySet().stream().anyMatch(NetworkNamespaces::ofNetwork)) {
            Namespaces.enter(List.of(namespace), () -> {
                set(sysctls);
                return true;
            });
        }
    }

    private static void set(Map<String, String> sysctls) {
        sysctls.forEach((name, value) -> {
            if (ofNetwork(name)) {
                set(name, value);
            }
        });
    }

    private static boolean ofNetwork(String name) {
        return name.startsWith(NET) || name.startsWith("net/");
    }

    private static void set(String name, String value) {
        try {
            String path = name.indexOf('/') >= 0 ? name : name.replace('.', '/');
            if (!path.startsWith("net/")) {
                throw new IllegalArgumentException("not a setting of the network");
            }
            Sysctl.write(path, value);
        } catch (IOException | IllegalArgumentException e) {
            throw Fault.invalid(
                            "set sysctl " + name + " of the pod",
                            e instanceof NoSuchFileException
                                    ? "there is none of this name"
                                    : String.valueOf(e.getMessage()),
                            "Take it out of the pod's securityContext.sysctls or correct it")
                    .causedBy(e);
        }
    }

    /**
     * Lets go of a namespace. Once no process is in it the kernel drops it with all that is in it, in its own time. Harmless
     * if there is none.
     */
    public void remove(String id) {
        try {
            Namespaces.unpin(path(id));
        } catch (IOException e) {
            throw Fault.internal("remove the network namespace of " + id, String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /** The ids of all that are pinned, or whose pinning was broken off. */
    public List<String> list() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    /**
     * The links of pods with their counters: what the kernel counted since each was connected. Pods without a namespace are
     * left out of the answer.
     */
    public Map<String, List<Link>> links(Collection<String> ids) throws InterruptedException {
        Map<String, Path> pinned = new HashMap<>();
        ids.forEach(id -> pinned.put(id, path(id)));
        try {
            return Namespaces.inEachNetwork(pinned, () -> {
                try (Rtnetlink net = Rtnetlink.open()) {
                    return net.links();
                }
            });
        } catch (IOException e) {
            throw Fault.internal("read the links of " + ids.size() + " pods", String.valueOf(e.getMessage()), "")
                    .causedBy(e);
        }
    }

    /**
     * The links of one pod.
     *
     * @throws Fault NOT_FOUND if the pod has no namespace
     */
    public List<Link> links(String id) throws InterruptedException {
        List<Link> links = links(List.of(id)).get(id);
        if (links == null) {
            throw Fault.notFound("read the links of " + id, "it has no network namespace", "");
        }
        return links;
    }

    /** How many are ready now. */
    int spares() {
        return spares.ready();
    }

    /** Drops what was made in advance; what is pinned stays. */
    @Override
    public void close() {
        spares.close();
    }
}

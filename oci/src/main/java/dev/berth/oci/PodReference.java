package dev.berth.oci;

import dev.berth.kernel.Fault;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Names that stand in a stored spec for paths that are only known when the container is created, because they lead through
 * a process (the supervisor, a pod's init) that may have been replaced since.
 *
 * <p>They stand where a namespace's path or a mount's source stands: {@code pod:ipc}, {@code pod:uts}, {@code pod:pid},
 * {@code pod:user}, {@code pod:shm}, and {@code container:ID:pid} for the PID namespace of another container.
 */
public final class PodReference {
    public static final String IPC = "pod:ipc";
    public static final String UTS = "pod:uts";
    public static final String PID = "pod:pid";
    public static final String USER = "pod:user";
    /** The directory that holds the pod's {@code /dev/shm}. */
    public static final String SHM = "pod:shm";

    private static final String POD = "pod:";
    private static final String CONTAINER = "container:";

    private PodReference() {}

    /** The PID namespace of a container of the same pod. */
    public static String pidOf(String containerId) {
        return CONTAINER + containerId + ":pid";
    }

    /** Whether a path is such a name. */
    public static boolean is(String path) {
        return path.startsWith(POD) || path.startsWith(CONTAINER);
    }

    /**
     * What a pod has under such a name.
     *
     * @param has the pod's paths, by what follows {@code pod:}
     * @throws Fault FAILED_PRECONDITION if it has no such thing
     */
    public static String pathIn(Map<String, String> has, String name) {
        String what = name.startsWith(POD) ? name.substring(POD.length()) : "";
        String path = has.getOrDefault(what, "");
        if (path.isEmpty()) {
            throw Fault.precondition("share the pod's " + what, "the pod has none", "Make a new pod");
        }
        return path;
    }

    /** The container that a name made by {@link #pidOf} means; empty for any other path. */
    public static String containerIn(String path) {
        return path.startsWith(CONTAINER) && path.endsWith(":pid")
                ? path.substring(CONTAINER.length(), path.length() - ":pid".length())
                : "";
    }

    /** All names that a spec contains. */
    public static Set<String> in(RuntimeSpec spec) {
        Set<String> found = new TreeSet<>();
        Stream<String> sources = spec.mounts().stream().map(m -> m.source() == null ? "" : m.source());
        Stream<String> paths = spec.needLinux().namespaces().stream().map(n -> n.path() == null ? "" : n.path());
        Stream.concat(sources, paths).filter(PodReference::is).forEach(found::add);
        return found;
    }

    /**
     * The same spec with real paths.
     *
     * @param paths a path for each name that {@link #in} found
     * @throws IllegalArgumentException if one is missing
     */
    public static RuntimeSpec resolve(RuntimeSpec spec, Map<String, String> paths) {
        List<RuntimeSpec.Mount> mounts = spec.mounts().stream()
                .map(m -> m.source() == null || !is(m.source()) ? m : m.withSource(path(m.source(), paths)))
                .toList();
        LinuxSpec linux = spec.needLinux();
        List<LinuxSpec.Namespace> namespaces = linux.namespaces().stream()
                .map(n -> n.path() == null || !is(n.path())
                        ? n
                        : new LinuxSpec.Namespace(n.type(), path(n.path(), paths)))
                .toList();
        return spec.withMounts(mounts).withLinux(linux.withNamespaces(namespaces));
    }

    private static String path(String name, Map<String, String> paths) {
        String path = paths.get(name);
        if (path == null) {
            throw new IllegalArgumentException("no path for " + name);
        }
        return path;
    }
}

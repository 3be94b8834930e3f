package dev.berth.tasks;

import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.RuntimeSpec;
import java.util.List;
import java.util.Map;

/**
 * Words that stand in an OCI spec for what only the supervisor of the moment can name. The paths of a pod's namespaces
 * change when the supervisor is replaced, so they are filled in when a task is made and never stored.
 */
public final class PodPaths {
    /** As the path of a namespace: the pod's own namespace of that kind. */
    public static final String NAMESPACE = "berth:pod";

    /** As the source of a mount: the pod's /dev/shm. */
    public static final String SHM = "berth:shm";

    private PodPaths() {}

    static boolean isUsedBy(RuntimeSpec spec) {
        boolean namespaces =
                spec.linux() != null && spec.linux().namespaces().stream().anyMatch(ns -> NAMESPACE.equals(ns.path()));
        return namespaces || spec.mounts().stream().anyMatch(mount -> SHM.equals(mount.source()));
    }

    /**
     * Fills in.
     *
     * @param info what the sandbox service says of the pod: {@code ipc}, {@code uts}, {@code pid}, {@code shm}
     */
    static RuntimeSpec fill(RuntimeSpec spec, Map<String, String> info) {
        List<LinuxSpec.Namespace> namespaces = spec.needLinux().namespaces().stream()
                .map(ns -> NAMESPACE.equals(ns.path())
                        ? new LinuxSpec.Namespace(
                                ns.type(), need(info, ns.type().text()))
                        : ns)
                .toList();
        List<RuntimeSpec.Mount> mounts = spec.mounts().stream()
                .map(mount -> SHM.equals(mount.source()) ? withSource(mount, need(info, "shm")) : mount)
                .toList();
        return spec.withLinux(spec.needLinux().withNamespaces(namespaces)).withMounts(mounts);
    }

    /** For a shim that cannot see the pod's /dev/shm: each container gets its own. */
    static RuntimeSpec withOwnShm(RuntimeSpec spec) {
        List<RuntimeSpec.Mount> mounts = spec.mounts().stream()
                .map(mount -> SHM.equals(mount.source())
                        ? new RuntimeSpec.Mount(
                                mount.destination(),
                                "tmpfs",
                                "shm",
                                List.of("nosuid", "noexec", "nodev", "mode=1777", "size=65536k"))
                        : mount)
                .toList();
        return spec.withMounts(mounts);
    }

    private static RuntimeSpec.Mount withSource(RuntimeSpec.Mount mount, String source) {
        return new RuntimeSpec.Mount(
                mount.destination(), mount.type(), source, mount.options(), mount.uidMappings(), mount.gidMappings());
    }

    private static String need(Map<String, String> info, String what) {
        String path = info.getOrDefault(what, "");
        if (path.isEmpty()) {
            throw Fault.precondition("share the pod's " + what, "the pod has none", "Make a new pod");
        }
        return path;
    }
}

package dev.berth.cri.spec;

import dev.berth.kernel.Fault;
import dev.berth.linux.cgroup.CgroupPath;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where the cgroups of containers and pods are, in the form that their driver wants. */
public final class CgroupPaths {
    private static final String DEFAULT_PARENT = "/berth";
    private static final String PREFIX = "berth";
    private static final String SLICE = ".slice";
    private static final String LONGEST_ID = "0".repeat(64);
    private static final Logger LOG = LoggerFactory.getLogger(CgroupPaths.class);

    private CgroupPaths() {}

    /**
     * The {@code cgroupsPath} of the spec.
     *
     * @param parent the pod's cgroup: a path, or for systemd a slice or a path whose last part is one; empty for the default
     * @throws Fault INVALID_ARGUMENT if the form is not the driver's
     */
    public static String of(String parent, String id, boolean systemd) {
        if (!systemd) {
            if (!parent.isEmpty() && (!parent.startsWith("/") || parent.endsWith(SLICE))) {
                throw bad(parent, "it is not a path of the driver cgroupfs", "cgroupfs");
            }
            return CgroupPath.resolve((parent.isEmpty() ? DEFAULT_PARENT : parent) + "/" + id);
        }
        String slice = parent.substring(parent.lastIndexOf('/') + 1);
        if (!parent.isEmpty() && !slice.endsWith(SLICE)) {
            throw bad(parent, "it is not a slice of systemd", "systemd");
        }
        String form = (slice.isEmpty() ? "system.slice" : slice) + ":" + PREFIX + ":" + id;
        CgroupPath.resolve(form); // refuses what systemd would take for something else
        return form;
    }

    /**
     * Whether containers can be made below a parent: a pod below which none can be is refused itself.
     *
     * @throws Fault as {@link #of}
     */
    public static void check(String parent, boolean systemd) {
        of(parent, LONGEST_ID, systemd);
    }

    /** The driver of those who made a pod: their daemon may have had another than this one. */
    public static boolean isSystemd(String parent, boolean ours) {
        return parent.isEmpty() ? ours : parent.endsWith(SLICE);
    }

    /**
     * The path of a pod's own cgroup, which whoever asked for the pod has made.
     *
     * @param parent as for {@link #of}
     * @return empty if the pod has none of its own, or one that no container can be in
     */
    public static Optional<String> ofPod(String parent, boolean systemd) {
        if (parent.isEmpty()) {
            return Optional.empty();
        }
        try {
            check(parent, systemd);
            String path = systemd
                    ? CgroupPath.ofSlice(parent.substring(parent.lastIndexOf('/') + 1))
                    : CgroupPath.resolve(parent);
            return path.equals("/") ? Optional.empty() : Optional.of(path); // the root is everybody's
        } catch (Fault notAPath) {
            LOG.debug("a pod has the cgroup parent {}", Shown.of(parent), notAPath);
            return Optional.empty();
        }
    }

    private static Fault bad(String parent, String why, String driver) {
        return Fault.invalid(
                "cgroup parent \"" + Shown.of(parent) + "\"",
                why,
                "The runtime and the kubelet must use the same cgroup driver; the runtime uses " + driver);
    }
}

package dev.berth.cri.checkpoint;

import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.ProcessSpec;
import dev.berth.oci.RuntimeSpec;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Whether processes may go on in a container. Who they are and what they may do comes with their state and not from the
 * config of the new container; so what that one would allow must be what the old one had.
 */
public final class SameConfinement {
    private static final Set<String> FLAGS = Set.of("ro", "rro", "nosuid", "nodev", "noexec");

    private SameConfinement() {}

    /**
     * Compares.
     *
     * @param name of the container
     * @throws Fault FAILED_PRECONDITION with all that is not the same
     */
    public static void require(String name, RuntimeSpec was, RuntimeSpec is) {
        Map<String, Object> before = of(was);
        Map<String, Object> now = of(is);
        List<String> other = before.keySet().stream()
                .filter(each -> !Objects.equals(before.get(each), now.get(each)))
                .toList();
        if (!other.isEmpty()) {
            throw Fault.precondition(
                    "restore container " + name,
                    "its config asks for other " + String.join(", ", other) + " than the checkpoint was made with",
                    "Ask for the same, or begin a new container");
        }
    }

    private static Map<String, Object> of(RuntimeSpec spec) {
        ProcessSpec process = spec.needProcess();
        LinuxSpec linux = spec.needLinux();
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("user or groups", process.user());
        all.put("capabilities", orNone(process.capabilities()));
        all.put("no_new_privs", process.noNewPrivileges());
        all.put("AppArmor profile", orNone(process.apparmorProfile()));
        all.put("SELinux label", orNone(process.selinuxLabel()));
        all.put("seccomp profile", orNone(linux.seccomp()));
        all.put("terminal", process.terminal());
        all.put(
                "namespaces",
                linux.namespaces().stream()
                        .map(each -> List.of(each.type(), each.path() != null))
                        .toList());
        all.put("user namespace", List.of(linux.uidMappings(), linux.gidMappings()));
        all.put("masked paths", linux.maskedPaths());
        all.put("read-only paths", linux.readonlyPaths());
        all.put("root file system", spec.root() == null || spec.root().readonly());
        all.put("mounts", spec.mounts().stream().map(SameConfinement::kind).toList());
        all.put("devices", linux.devices());
        all.put("rlimits", process.rlimits());
        all.put("score of the OOM killer", orNone(process.oomScoreAdj()));
        all.put("scheduling", List.of(orNone(process.scheduler()), orNone(process.ioPriority())));
        all.put("sysctls", linux.sysctl());
        return all;
    }

    /** Its processes see a mount with the flags that it had. */
    private static List<Object> kind(RuntimeSpec.Mount mount) {
        return List.of(
                mount.destination(),
                orNone(mount.type()),
                mount.options().stream().filter(FLAGS::contains).sorted().toList());
    }

    private static Object orNone(@Nullable Object value) {
        return value == null ? "" : value;
    }
}

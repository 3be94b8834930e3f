package dev.berth.cri.spec;

import dev.berth.linux.OomScore;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.oci.Platform;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

/**
 * What decides about specs and does not change while we run.
 *
 * @param capabilities those that we have ourselves
 * @param lowestOomScore the smallest oom_score_adj that we may give
 * @param apparmor whether the kernel enforces AppArmor profiles
 * @param selinux what SELinux has for containers, if it is on
 * @param cgroupV2 whether the host runs cgroups of version 2 only
 * @param swapCounted whether swap can be limited
 * @param hugepagesCounted whether huge pages can be
 */
public record HostFacts(
        Set<String> capabilities,
        int lowestOomScore,
        boolean apparmor,
        SelinuxPolicy selinux,
        boolean cgroupV2,
        boolean swapCounted,
        boolean hugepagesCounted,
        String architecture) {

    public HostFacts {
        capabilities = Set.copyOf(capabilities);
    }

    /** Looks at this host. */
    public static HostFacts read(Cgroups cgroups) throws IOException {
        return new HostFacts(
                Capability.ofThisProcess(),
                OomScore.clamp(-1000),
                apparmorEnabled(),
                SelinuxPolicy.read(Path.of("/")),
                cgroups.layout() == Cgroups.Layout.V2,
                cgroups.swapCounted(),
                cgroups.controllers().contains("hugetlb"),
                Platform.host().architecture());
    }

    private static boolean apparmorEnabled() throws IOException {
        Path enabled = Path.of("/sys/module/apparmor/parameters/enabled");
        return Files.exists(enabled) && Files.readString(enabled).startsWith("Y");
    }
}

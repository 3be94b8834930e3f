package dev.berth.daemon;

import dev.berth.daemon.NodeCheck.Finding;
import dev.berth.daemon.NodeCheck.Verdict;
import dev.berth.kernel.Ticker;
import dev.berth.linux.Child;
import dev.berth.linux.Features;
import dev.berth.linux.MountAttributes;
import dev.berth.linux.Mounts;
import dev.berth.linux.Namespaces;
import dev.berth.linux.UserNamespace;
import dev.berth.linux.cgroup.Cgroups;
import dev.berth.linux.netlink.NftBatch;
import dev.berth.linux.netlink.NftFamily;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What this kernel can do of what Berth uses, found out by trying where that leaves nothing behind. */
final class KernelCheck {
    /** Tries a feature; says what it found. */
    private interface Probe {
        /** @return what to tell; empty if it is not there */
        String look() throws IOException, InterruptedException;
    }

    private static final int OLDEST_MAJOR = 6;
    private static final int OLDEST_MINOR = 1;
    private static final Pattern RELEASE = Pattern.compile("(\\d+)\\.(\\d+).*");
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final List<Finding> findings = new ArrayList<>();

    private KernelCheck() {}

    static List<Finding> look() throws InterruptedException {
        var check = new KernelCheck();
        check.findings.add(release(read("/proc/sys/kernel/osrelease")));
        check.must("cgroups", "Mount cgroup2 on /sys/fs/cgroup", KernelCheck::cgroups);
        check.may("overlayfs", "layers are copied, which costs time and space", KernelCheck::overlay);
        check.may(
                "overlayfs lowerdir+",
                "images of more than about 100 layers cannot be mounted; Linux 6.7 can",
                () -> Features.overlayLayerByLayer() ? "layers are given one by one" : "");
        check.must("fsopen", "Run this as root on Linux 5.2 or later", KernelCheck::newMounts);
        check.may("user namespaces", "pods with hostUsers: false are refused", KernelCheck::userNamespaces);
        check.may("idmapped mounts", "volumes of pods with hostUsers: false are refused", KernelCheck::idmappedMounts);
        check.may(
                "pidfd exit info",
                "an exit while no supervisor runs is told as 255, Unknown; Linux 6.15 keeps it",
                KernelCheck::exitInfo);
        check.may(
                "nftables",
                "the built-in network and host ports do not work; load nf_tables, nf_nat and nft_masq",
                KernelCheck::nftables);
        check.may(
                "seccomp",
                "containers run without a filter of system calls",
                () -> read("/proc/sys/kernel/seccomp/actions_avail"));
        check.may(
                "pressure (PSI)",
                "statistics have no pressure; boot with psi=1",
                () -> Files.exists(Path.of("/proc/pressure/memory"))
                        ? "in statistics where cgroups are version 2"
                        : "");
        return check.findings;
    }

    private void must(String what, String remedy, Probe probe) throws InterruptedException {
        String found = tried(probe);
        findings.add(
                found.isEmpty()
                        ? new Finding(Verdict.MISSING, what, "not there", remedy)
                        : new Finding(Verdict.OK, what, found, ""));
    }

    private void may(String what, String without, Probe probe) throws InterruptedException {
        String found = tried(probe);
        findings.add(
                found.isEmpty()
                        ? new Finding(Verdict.ABSENT, what, without, "")
                        : new Finding(Verdict.OK, what, found, ""));
    }

    private static String tried(Probe probe) throws InterruptedException {
        try {
            return probe.look();
        } catch (IOException | RuntimeException e) {
            return "";
        }
    }

    static Finding release(String release) {
        Matcher version = RELEASE.matcher(release);
        boolean recent = version.matches()
                && (Integer.parseInt(version.group(1)) > OLDEST_MAJOR
                        || (Integer.parseInt(version.group(1)) == OLDEST_MAJOR
                                && Integer.parseInt(version.group(2)) >= OLDEST_MINOR));
        return recent
                ? new Finding(Verdict.OK, "kernel", release, "")
                : new Finding(Verdict.MISSING, "kernel", release + " is too old", "Boot Linux 6.1 or later");
    }

    private static String cgroups() throws IOException {
        Cgroups found = Cgroups.detect(Ticker.system());
        String layout = switch (found.layout()) {
            case V1 -> "version 1";
            case HYBRID -> "hybrid, limits by version 1";
            case V2 -> "version 2";
        };
        return layout + " with " + String.join(" ", new TreeSet<>(found.controllers()));
    }

    private static String overlay() throws IOException {
        Path folder = Files.createTempDirectory(Path.of("/var/tmp"), "berth-check");
        try {
            return OverlaySupport.of(folder) ? "works" : "";
        } finally {
            Reset.remove(folder);
        }
    }

    private static String newMounts() throws IOException {
        try (var mount = Mounts.tmpfs(Map.of("size", "4096"), Set.of())) {
            return mount.fd().isClosed() ? "" : "mounts are made by descriptor";
        }
    }

    private static UserNamespace userNamespace() throws IOException, InterruptedException {
        var ids = List.of(new UserNamespace.IdRange(0, 100_000, 65_536));
        return UserNamespace.create(ids, ids, Set.of());
    }

    private static String userNamespaces() throws IOException, InterruptedException {
        try (UserNamespace made = userNamespace()) {
            return made.get(Namespaces.Kind.USER).isClosed()
                    ? ""
                    : "up to " + read("/proc/sys/user/max_user_namespaces");
        }
    }

    private static String idmappedMounts() throws IOException, InterruptedException {
        try (UserNamespace ids = userNamespace();
                var mount = Mounts.tmpfs(Map.of("size", "4096"), Set.of())) {
            mount.setattr(MountAttributes.nothing().idmappedBy(ids.get(Namespaces.Kind.USER)), false);
            return "work on tmpfs";
        }
    }

    private static String exitInfo() throws IOException, InterruptedException {
        try (Child child = Child.command("/bin/true").spawn()) {
            child.await(LIMIT);
            return child.pidfd().exitInfo().isPresent() ? "exits are kept for the next supervisor" : "";
        }
    }

    /** In a network namespace that is gone afterwards. */
    private static String nftables() throws IOException, InterruptedException {
        return Namespaces.inNew(Set.of(Namespaces.Kind.NET), () -> {
            new NftBatch()
                    .table(NftFamily.IPV4, "berth-check")
                    .chain(
                            NftFamily.IPV4,
                            "berth-check",
                            "nat",
                            NftBatch.ChainType.SOURCE_NAT,
                            NftBatch.Hook.POSTROUTING)
                    .commit("try nftables");
            return "address translation works";
        });
    }

    private static String read(String file) {
        try {
            return Files.readString(Path.of(file)).strip();
        } catch (IOException e) {
            return "";
        }
    }
}

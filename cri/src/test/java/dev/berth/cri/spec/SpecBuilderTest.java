package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.ContainerConfig.DeviceMapping;
import dev.berth.cri.config.IdMapping;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.cri.config.NamespaceOptions.UserNamespace;
import dev.berth.cri.config.Resources;
import dev.berth.cri.config.SecurityProfile;
import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxResources;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.LinuxSpec.Namespace;
import dev.berth.oci.LinuxSpec.NamespaceKind;
import dev.berth.oci.PodReference;
import dev.berth.oci.ProcessSpec;
import dev.berth.oci.RuntimeSpec;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SpecBuilderTest {
    private final Requests with = new Requests();

    private RuntimeSpec spec() {
        return with.build().spec();
    }

    private LinuxResources resources() {
        return Objects.requireNonNull(spec().needLinux().resources());
    }

    private @Nullable String path(NamespaceKind kind) {
        var namespace = spec().needLinux().namespace(kind);
        return namespace.isEmpty() ? "the node's" : namespace.get().path();
    }

    private static void refused(Fault.Code code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(code));
    }

    @Test
    void anOrdinaryContainer() {
        with.user = new ImageUser(5, 6, List.of(6L, 7L));
        RuntimeSpec spec = spec();
        assertThat(spec.ociVersion()).isEqualTo("1.0.2");
        assertThat(spec.root()).isEqualTo(new RuntimeSpec.Root("rootfs", false));
        assertThat(spec.hostname()).as("the pod has it").isNull();
        ProcessSpec process = spec.needProcess();
        assertThat(process.args()).containsExactly("sh");
        assertThat(process.user()).isEqualTo(new ProcessSpec.User(5, 6, null, List.of(6L, 7L)));
        assertThat(process.noNewPrivileges()).isFalse();
        assertThat(process.oomScoreAdj()).isZero();
        assertThat(process.rlimits()).isEmpty();
        assertThat(process.apparmorProfile()).isNull();
        assertThat(process.selinuxLabel()).isNull();
        LinuxSpec linux = spec.needLinux();
        assertThat(linux.seccomp()).isNull();
        assertThat(linux.cgroupsPath()).isEqualTo("/berth/c1");
        assertThat(linux.maskedPaths()).isEmpty();
        assertThat(RuntimeSpec.fromJson(spec.toJson())).isEqualTo(spec);
    }

    @Test
    void aRequestWithoutAWordAboutSecurity() {
        with.security = null;
        RuntimeSpec spec = spec();
        assertThat(Objects.requireNonNull(spec.needProcess().capabilities()).bounding())
                .hasSize(14);
        assertThat(spec.needLinux().seccomp()).isNull();
    }

    @Test
    void confinementIsAsAsked() {
        with.security().masked = List.of("/proc/kcore");
        with.security().readonly = List.of("/proc/sys");
        with.security().noNewPrivileges = true;
        with.security().readonlyRootfs = true;
        with.security().seccomp = new SecurityProfile(SecurityProfile.Type.RUNTIME_DEFAULT, "");
        RuntimeSpec spec = spec();
        assertThat(spec.needLinux().maskedPaths()).containsExactly("/proc/kcore");
        assertThat(spec.needLinux().readonlyPaths()).containsExactly("/proc/sys");
        assertThat(spec.needProcess().noNewPrivileges()).isTrue();
        assertThat(Objects.requireNonNull(spec.root()).readonly()).isTrue();
        assertThat(spec.needLinux().seccomp()).isEqualTo(DefaultSeccomp.of("amd64", Capability.DEFAULT));
    }

    @Test
    void privilegedIsFree() {
        with.security().privileged = true;
        with.security().masked = List.of("/proc/kcore");
        with.security().readonly = List.of("/proc/sys");
        with.security().seccomp = new SecurityProfile(SecurityProfile.Type.RUNTIME_DEFAULT, "");
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        with.podPrivileged = true;
        LinuxSpec linux = spec().needLinux();
        assertThat(linux.seccomp()).isNull();
        assertThat(linux.maskedPaths()).isEmpty();
        assertThat(linux.readonlyPaths()).isEmpty();
        assertThat(linux.devices()).isNotEmpty();
        assertThat(Objects.requireNonNull(spec().needProcess().capabilities()).effective())
                .containsExactlyInAnyOrderElementsOf(Capability.NAMES);
        assertThat(resources().devices()).containsExactly(new LinuxResources.DeviceRule(true, "a", null, null, "rwm"));
    }

    @Test
    void namespacesOfThePod() {
        assertThat(path(NamespaceKind.NETWORK)).isEqualTo("/run/berth/netns/p");
        assertThat(path(NamespaceKind.UTS)).isEqualTo(PodReference.UTS);
        assertThat(path(NamespaceKind.IPC)).isEqualTo(PodReference.IPC);
        assertThat(path(NamespaceKind.PID)).isEqualTo(PodReference.PID);
        assertThat(path(NamespaceKind.MOUNT)).isNull();
        assertThat(path(NamespaceKind.CGROUP)).isEqualTo("the node's");
        assertThat(path(NamespaceKind.USER)).isEqualTo("the node's");
    }

    @ParameterizedTest
    @CsvSource({"NODE,,the node's", "CONTAINER,,", "TARGET,other,container:other:pid", "POD,,pod:pid"})
    void pidNamespaces(Mode mode, @Nullable String target, @Nullable String expected) {
        with.security().namespaces = new NamespaceOptions(Mode.POD, mode, Mode.POD, target == null ? "" : target, null);
        assertThat(path(NamespaceKind.PID)).isEqualTo(expected);
    }

    @Test
    void aTargetMustBeNamed() {
        with.security().namespaces = new NamespaceOptions(Mode.POD, Mode.TARGET, Mode.POD, "", null);
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
    }

    @Test
    void theNodesNamespacesAreNotNamed() {
        with.network = null;
        with.podNamespaces = new NamespaceOptions(Mode.NODE, Mode.NODE, Mode.NODE, "", null);
        assertThat(spec().needLinux().namespaces()).containsExactly(new Namespace(NamespaceKind.MOUNT, null));
    }

    @Test
    void onVersionTwoACgroupNamespaceHidesTheRest() {
        var host = new HostFacts(Set.of(), -1000, false, SelinuxPolicy.OFF, true, true, true, "amd64");
        var builder = new SpecBuilder(host, Requests.CGROUPFS);
        assertThat(builder.build(with.request()).spec().needLinux().namespace(NamespaceKind.CGROUP))
                .isPresent();
        with.security().privileged = true;
        with.podPrivileged = true;
        assertThat(builder.build(with.request()).spec().needLinux().namespace(NamespaceKind.CGROUP))
                .isEmpty();
    }

    /** A cgroup2 mounted in the node's cgroup namespace sets options of the node's mount anew: without nsdelegate, for one. */
    @Test
    void onVersionTwoTheNodesCgroupsAreNotMountedAnew() {
        var host = new HostFacts(Set.of(), -1000, false, SelinuxPolicy.OFF, true, true, true, "amd64");
        var builder = new SpecBuilder(host, Requests.CGROUPFS);
        assertThat(cgroups(builder).type()).isEqualTo("cgroup");
        with.security().privileged = true;
        with.podPrivileged = true;
        assertThat(cgroups(builder).type()).isEqualTo("bind");
        assertThat(cgroups(builder).source()).isEqualTo("/sys/fs/cgroup");
        assertThat(cgroups(builder).options()).contains("rbind", "rprivate", "rw");
        assertThat(cgroups(new SpecBuilder(Requests.HOST, Requests.CGROUPFS)).type())
                .as("version 1")
                .isEqualTo("cgroup");
    }

    private RuntimeSpec.Mount cgroups(SpecBuilder builder) {
        return builder.build(with.request()).spec().mounts().stream()
                .filter(mount -> mount.destination().equals("/sys/fs/cgroup"))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void limitsInTheWordsOfOci() {
        with.resources = Requests.resources(100_000, 50_000, 512, 1 << 20, 2 << 20);
        assertThat(resources().cpu())
                .isEqualTo(new LinuxResources.Cpu(512L, 50_000L, null, 100_000L, null, null, null, null, null));
        assertThat(resources().memory()).isEqualTo(LinuxResources.Memory.of(1L << 20, 2L << 20));
        assertThat(resources().pids()).isNull();
        with.resources = Requests.resources(0, -1, 0, 1 << 20, 0);
        assertThat(resources().cpu()).as("no quota at all instead of -1").isNull();
        assertThat(resources().memory()).as("no swap").isEqualTo(LinuxResources.Memory.of(1L << 20, 1L << 20));
        with.resources = Requests.resources(0, 0, 0, 2 << 20, 1 << 20);
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
    }

    @Test
    void aSwapLimitIsIgnoredWhereSwapIsNotCounted() {
        with.resources = Requests.resources(0, 0, 0, 1 << 20, 2 << 20);
        var builder = new SpecBuilder(
                new HostFacts(Set.of(), -1000, false, SelinuxPolicy.OFF, false, false, true, "amd64"),
                Requests.CGROUPFS);
        assertThat(Objects.requireNonNull(
                                builder.build(with.request()).spec().needLinux().resources())
                        .memory())
                .isEqualTo(LinuxResources.Memory.of(1L << 20, null));
    }

    @Test
    void everythingElseAboutResources() {
        with.resources = new Resources(
                0,
                0,
                0,
                0,
                -500,
                "0-1",
                "1",
                List.of(new Resources.HugepageLimit("2MB", 0)),
                Map.of("memory.high", "5"),
                0);
        assertThat(Objects.requireNonNull(resources().cpu()).cpus()).isEqualTo("0-1");
        assertThat(Objects.requireNonNull(resources().cpu()).mems()).isEqualTo("1");
        assertThat(resources().hugepageLimits()).containsExactly(new LinuxResources.HugepageLimit("2MB", 0));
        assertThat(resources().unified()).containsEntry("memory.high", "5");
        assertThat(spec().needProcess().oomScoreAdj()).isEqualTo(-500);
        var poor = new SpecBuilder(
                new HostFacts(Set.of(), -20, false, SelinuxPolicy.OFF, false, false, true, "amd64"), Requests.CGROUPFS);
        assertThat(poor.build(with.request()).spec().needProcess().oomScoreAdj())
                .as("never below what we may give")
                .isEqualTo(-20);
        var uncounted = new HostFacts(Set.of(), 0, false, SelinuxPolicy.OFF, false, false, false, "amd64");
        assertThat(Objects.requireNonNull(new SpecBuilder(uncounted, Requests.CGROUPFS)
                                .build(with.request())
                                .spec()
                                .needLinux()
                                .resources())
                        .hugepageLimits())
                .as("runc fails where nobody counts huge pages")
                .isEmpty();
        with.resources = new Resources(0, 0, 0, 0, 1001, "", "", List.of(), Map.of(), 0);
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
    }

    @ParameterizedTest
    @CsvSource({
        "false,'',/berth/c1",
        "false,/kubepods/pod1,/kubepods/pod1/c1",
        "true,'',system.slice:berth:c1",
        "true,kubepods-pod1.slice,kubepods-pod1.slice:berth:c1",
        "true,/kubepods.slice/kubepods-pod1.slice,kubepods-pod1.slice:berth:c1",
    })
    void cgroupPaths(boolean systemd, String parent, String path) {
        with.cgroupParent = parent;
        assertThat(new SpecBuilder(Requests.HOST, Requests.driver(systemd))
                        .build(with.request())
                        .spec()
                        .needLinux()
                        .cgroupsPath())
                .isEqualTo(path);
    }

    @ParameterizedTest
    @CsvSource({
        "false,test.slice",
        "false,/a/b.slice",
        "false,relative",
        "true,/kubepods/pod1",
        "true,a:b.slice",
        "false,/a/../.."
    })
    void cgroupParentsOfTheOtherDriver(boolean systemd, String parent) {
        with.cgroupParent = parent;
        refused(
                Fault.Code.INVALID_ARGUMENT,
                () -> new SpecBuilder(Requests.HOST, Requests.driver(systemd)).build(with.request()));
    }

    @Test
    void annotationsAreOursAlone() {
        with.annotations = Map.of("io.kubernetes.cri.sandbox-id", "forged", "run.oci.systemd.subgroup", "x");
        assertThat(spec().annotations())
                .containsExactlyInAnyOrderEntriesOf(Map.of(
                        "io.kubernetes.cri.container-type", "container",
                        "io.kubernetes.cri.container-name", "main",
                        "io.kubernetes.cri.image-name", "docker.io/library/busybox:latest",
                        "io.kubernetes.cri.sandbox-id", "p1",
                        "io.kubernetes.cri.sandbox-name", "web",
                        "io.kubernetes.cri.sandbox-namespace", "default",
                        "io.kubernetes.cri.sandbox-uid", "uid-1"));
        assertThat(CriAnnotations.ofSandbox("p1", with.pod()))
                .containsEntry("io.kubernetes.cri.container-type", "sandbox")
                .containsEntry("io.kubernetes.cri.sandbox-log-directory", "/var/log/pods/web");
    }

    @Test
    void labelsOfModulesThatAreNotThere() {
        with.security().apparmor = new SecurityProfile(SecurityProfile.Type.LOCALHOST, "mine");
        refused(Fault.Code.FAILED_PRECONDITION, this::spec);
        with.security().apparmor = new SecurityProfile(SecurityProfile.Type.LOCALHOST, "");
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        with.security().apparmor = new SecurityProfile(SecurityProfile.Type.RUNTIME_DEFAULT, "");
        assertThat(spec().needProcess().apparmorProfile()).isNull();
        with.security().apparmor = null;
        with.security().oldApparmor = "localhost/mine";
        refused(Fault.Code.FAILED_PRECONDITION, this::spec);
        with.security().oldApparmor = "unconfined";
        assertThat(spec().needProcess().apparmorProfile()).isNull();
    }

    private void userNamespace(Mode mode, List<IdMapping> uids, List<IdMapping> gids) {
        with.podNamespaces =
                new NamespaceOptions(Mode.POD, Mode.POD, Mode.POD, "", new UserNamespace(mode, uids, gids));
    }

    @Test
    void userNamespacesHaveRules() {
        List<IdMapping> good = List.of(new IdMapping(100_000, 0, 65_536));
        List<IdMapping> groups = List.of(new IdMapping(300_000, 0, 70_000));
        userNamespace(Mode.POD, good, groups);
        assertThat(path(NamespaceKind.USER)).isEqualTo(PodReference.USER);
        assertThat(spec().needLinux().uidMappings()).containsExactly(new LinuxSpec.IdMapping(0, 100_000, 65_536));
        assertThat(spec().needLinux().gidMappings()).containsExactly(new LinuxSpec.IdMapping(0, 300_000, 70_000));
        userNamespace(Mode.NODE, List.of(), List.of());
        assertThat(path(NamespaceKind.USER)).isEqualTo("the node's");
        List<IdMapping> two = List.of(good.getFirst(), new IdMapping(200_000, 65_536, 1));
        List<IdMapping> rootless = List.of(new IdMapping(100_000, 1, 65_536));
        userNamespace(Mode.POD, two, two);
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        userNamespace(Mode.POD, rootless, rootless);
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        userNamespace(Mode.POD, good, rootless);
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        userNamespace(Mode.POD, List.of(), List.of());
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        userNamespace(Mode.CONTAINER, good, good);
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        userNamespace(Mode.TARGET, good, good);
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
    }

    @Test
    void aDeviceByItsNameIsAskedForInBothWays() {
        with.cdi = List.of("vendor.com/gpu=0");
        refused(Fault.Code.FAILED_PRECONDITION, this::spec);
        with.cdi = List.of("no name");
        refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        with.cdi = List.of();
        with.annotations = Map.of("cdi.k8s.io/any", "vendor.com/gpu=0,vendor.com/gpu=1");
        refused(Fault.Code.FAILED_PRECONDITION, this::spec);
    }

    @Test
    void devicesBelongToWhoMayUseThemIfTheOperatorWantsIt() {
        with.devices.add(new DeviceMapping("/dev/it", "/dev/null", "rw"));
        with.security().uid = 5L;
        with.security().gid = 6L;
        assertThat(spec().needLinux().devices().getFirst().uid())
                .as("as on the node")
                .isEqualTo(0L);
        var builder = new SpecBuilder(Requests.HOST, new SpecBuilder.Settings(false, true, List.of()));
        var device = builder.build(with.request()).spec().needLinux().devices().getFirst();
        assertThat(device.path()).isEqualTo("/dev/it");
        assertThat(device.uid()).isEqualTo(5L);
        assertThat(device.gid()).isEqualTo(6L);
        with.security().gid = null;
        assertThat(builder.build(with.request())
                        .spec()
                        .needLinux()
                        .devices()
                        .getFirst()
                        .gid())
                .isEqualTo(0L);
    }

    @Test
    void limitsThatWereChangedBeforeTheStart() {
        with.resources = Requests.resources(0, 0, 0, 1 << 20, 0);
        with.devices.add(new DeviceMapping("/dev/it", "/dev/null", "rw"));
        var builder = new SpecBuilder(Requests.HOST, Requests.CGROUPFS);
        RuntimeSpec before = spec();
        Resources now = new Resources(100_000, 20_000, 0, 4 << 20, 7, "", "", List.of(), Map.of(), 0);
        RuntimeSpec after = builder.withResources(before, now);
        LinuxResources limits = Objects.requireNonNull(after.needLinux().resources());
        assertThat(limits.memory()).isEqualTo(LinuxResources.Memory.of(4L << 20, 4L << 20));
        assertThat(Objects.requireNonNull(limits.cpu()).quota()).isEqualTo(20_000);
        assertThat(limits.devices()).isEqualTo(resources().devices());
        assertThat(after.needProcess().oomScoreAdj()).isEqualTo(7);
    }

    @Test
    void limitsThatNobodyHasAskedForStay() {
        LinuxResources base = LinuxResources.fromJson("""
                {"devices": [{"allow": true, "type": "c"}], "pids": {"limit": 77},
                 "memory": {"limit": 5000000, "reservation": 4000, "swap": 6000000},
                 "cpu": {"shares": 9, "quota": 20000, "period": 50000, "cpus": "0-1", "idle": 1},
                 "blockIO": {"weight": 11}, "network": {"classID": 12}, "rdma": {"mlx": {"hcaHandles": 3}},
                 "hugepageLimits": [{"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 2}],
                 "unified": {"memory.high": "1", "cpu.idle": "2"}}
                """.getBytes(StandardCharsets.UTF_8));
        RuntimeSpec before = spec().withLinux(spec().needLinux().withResources(base));
        assertThat(changed(before, Resources.NONE)).isEqualTo(base);
        LinuxResources shares = changed(before, Requests.resources(0, 0, 512, 0, 0));
        assertThat(shares.cpu())
                .isEqualTo(new LinuxResources.Cpu(512L, 20_000L, null, 50_000L, null, null, "0-1", null, 1L));
        assertThat(shares.memory()).isEqualTo(base.memory());
        assertThat(Objects.requireNonNull(changed(before, Requests.resources(0, -1, 0, 0, 0))
                                .cpu())
                        .quota())
                .as("asked to be without")
                .isNull();
        LinuxResources.Memory memory = Objects.requireNonNull(
                changed(before, Requests.resources(0, 0, 0, 8 << 20, 0)).memory());
        assertThat(memory.limit()).isEqualTo(8 << 20);
        assertThat(memory.swap()).as("not below the limit").isEqualTo(8 << 20);
        assertThat(memory.reservation()).isEqualTo(4000);
        LinuxResources.Memory swap = Objects.requireNonNull(
                changed(before, Requests.resources(0, 0, 0, 0, 9 << 20)).memory());
        assertThat(swap.limit()).as("the operator's").isEqualTo(5_000_000);
        assertThat(swap.swap()).isEqualTo(9 << 20);
        var pages = List.of(new Resources.HugepageLimit("2MB", 7));
        LinuxResources more = changed(before, new Resources(0, 0, 0, 0, 0, "", "", pages, Map.of("cpu.idle", "3"), 0));
        assertThat(more.hugepageLimits())
                .containsExactly(
                        new LinuxResources.HugepageLimit("2MB", 7), new LinuxResources.HugepageLimit("1GB", 2));
        assertThat(more.unified()).isEqualTo(Map.of("memory.high", "1", "cpu.idle", "3"));
    }

    private static LinuxResources changed(RuntimeSpec before, Resources asked) {
        var builder = new SpecBuilder(Requests.HOST, Requests.CGROUPFS);
        return Objects.requireNonNull(
                builder.withResources(before, asked).needLinux().resources());
    }

    @Test
    void whatTakesAnUpdateBack() {
        var builder = new SpecBuilder(Requests.HOST, Requests.CGROUPFS);
        Resources asked = Requests.resources(50_000, 10_000, 512, 1 << 20, 0);
        LinuxResources back = builder.undoing(Requests.resources(100_000, 20_000, 0, 2 << 20, 3 << 20), asked);
        assertThat(back.cpu())
                .isEqualTo(new LinuxResources.Cpu(1024L, 20_000L, null, 100_000L, null, null, null, null, null));
        assertThat(back.memory()).isEqualTo(LinuxResources.Memory.of(2L << 20, 3L << 20));
        var pages = List.of(new Resources.HugepageLimit("2MB", 4 << 20));
        var old = new Resources(70_000, 0, 300, 0, 0, "0", "0", pages, Map.of("memory.high", "9"), 0);
        var other = new Resources(60_000, 0, 400, 0, 0, "1", "1", List.of(), Map.of("memory.high", "8"), 0);
        LinuxResources all = builder.undoing(old, other);
        assertThat(all.cpu()).isEqualTo(new LinuxResources.Cpu(300L, null, null, 70_000L, null, null, "0", "0", null));
        assertThat(all.unified()).isEqualTo(Map.of("memory.high", "9"));
        assertThat(all.hugepageLimits()).containsExactly(new LinuxResources.HugepageLimit("2MB", 4 << 20));
        LinuxResources first = builder.undoing(null, Requests.resources(0, 10_000, 0, 1 << 20, 0));
        assertThat(Objects.requireNonNull(first.cpu()).quota()).isEqualTo(-1);
        assertThat(first.memory()).isEqualTo(LinuxResources.Memory.of(-1L, -1L));
    }

    @Test
    void limitsThatMeanNothingAreRefused() {
        for (String size : List.of("", "2M", "2MB\n", "-2MB", "../2MB", "xMB")) {
            with.resources =
                    new Resources(0, 0, 0, 0, 0, "", "", List.of(new Resources.HugepageLimit(size, 1)), Map.of(), 0);
            refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        }
        for (String set : List.of("a", "0\n", "1,".repeat(5000))) {
            with.resources = new Resources(0, 0, 0, 0, 0, set, "", List.of(), Map.of(), 0);
            refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        }
        for (String file : List.of("", "../cgroup.procs", "a/b", "memory.max\n")) {
            with.resources = new Resources(0, 0, 0, 0, 0, "", "", List.of(), Map.of(file, "1"), 0);
            refused(Fault.Code.INVALID_ARGUMENT, this::spec);
        }
    }

    @Test
    void anUpdateHasNoDeviceRules() {
        LinuxResources update = new SpecBuilder(Requests.HOST, Requests.CGROUPFS)
                .resources(Requests.resources(100_000, 20_000, 0, 0, 0));
        assertThat(update.devices()).isEmpty();
        assertThat(update.memory()).isNull();
        assertThat(Objects.requireNonNull(update.cpu()).quota()).isEqualTo(20_000);
    }
}

package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.ContainerConfig.Propagation;
import dev.berth.cri.config.ContainerConfig.VolumeMount;
import dev.berth.cri.config.IdMapping;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.cri.config.NamespaceOptions.UserNamespace;
import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.RuntimeSpec.Mount;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What goes with a user namespace of the pod's own, and what does not. */
class UserIdsTest {
    private static final long ALL = 1L << 32;

    @TempDir
    Path volume;

    private final Requests with = new Requests();

    @BeforeEach
    void inAUserNamespace() {
        with.podNamespaces = pod(users(100_000, 65_536), users(300_000, 70_000));
    }

    private static List<IdMapping> users(long host, long length) {
        return List.of(new IdMapping(host, 0, length));
    }

    private static NamespaceOptions pod(List<IdMapping> uids, List<IdMapping> gids) {
        return new NamespaceOptions(Mode.POD, Mode.POD, Mode.POD, "", new UserNamespace(Mode.POD, uids, gids));
    }

    private void refused(String why) {
        assertThatThrownBy(with::build).isInstanceOfSatisfying(Fault.class, fault -> {
            assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT);
            assertThat(fault.getMessage()).contains(why);
        });
    }

    private void podRefused(String why) {
        assertThatThrownBy(() -> UserIds.check(with.pod()))
                .isInstanceOf(Fault.class)
                .hasMessageContaining(why);
    }

    @Test
    void aPodHasOneOrTheNodes() {
        assertThat(UserIds.of(NamespaceOptions.POD)).isEmpty();
        assertThat(UserIds.of(with.podNamespaces)).isPresent();
        var node = new UserNamespace(Mode.NODE, List.of(), List.of());
        assertThat(UserIds.of(new NamespaceOptions(Mode.POD, Mode.POD, Mode.POD, "", node)))
                .isEmpty();
    }

    @Test
    void aPrivilegedPodMayHaveOne() {
        with.podPrivileged = true;
        with.security().privileged = true;
        assertThatCode(() -> UserIds.check(with.pod())).doesNotThrowAnyException();
        assertThatCode(with::build).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @CsvSource({"NODE, POD, processes", "POD, NODE, IPC"})
    void neitherProcessesNorIpcOfTheNodeAreShared(Mode pid, Mode ipc, String what) {
        with.podNamespaces = new NamespaceOptions(Mode.POD, pid, ipc, "", with.podNamespaces.user());
        podRefused("the node's " + what + ", in which its root has no rights");
        refused("the node's " + what);
    }

    /** Its network is, whose sysfs only the node's root may mount. */
    @Test
    void withTheNodesNetworkSysIsTheNodes() {
        assertThat(sys().type()).isEqualTo("sysfs");
        with.podNamespaces = new NamespaceOptions(Mode.NODE, Mode.POD, Mode.POD, "", with.podNamespaces.user());
        with.network = null;
        assertThatCode(() -> UserIds.check(with.pod())).doesNotThrowAnyException();
        Mount sys = sys();
        assertThat(sys.type()).isEqualTo("bind");
        assertThat(sys.source()).isEqualTo("/sys");
        assertThat(sys.options()).contains("rbind", "rprivate", "rro", "ro", "nosuid", "noexec", "nodev");
        assertThat(with.build().spec().needLinux().namespaces())
                .extracting(LinuxSpec.Namespace::type)
                .contains(LinuxSpec.NamespaceKind.USER, LinuxSpec.NamespaceKind.IPC)
                .doesNotContain(LinuxSpec.NamespaceKind.NETWORK, LinuxSpec.NamespaceKind.UTS);
        with.podNamespaces = new NamespaceOptions(Mode.NODE, Mode.POD, Mode.POD, "", null);
        assertThat(sys().type()).as("without a user namespace").isEqualTo("sysfs");
    }

    private Mount sys() {
        return MountPart.of(with.request(), false, null).mounts().stream()
                .filter(mount -> mount.destination().equals("/sys"))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void allThatIsSharedIsNamed() {
        with.podNamespaces = new NamespaceOptions(Mode.NODE, Mode.NODE, Mode.NODE, "", with.podNamespaces.user());
        podRefused("the node's processes and IPC");
    }

    @Test
    void rangesAreWithinWhatCanBe() {
        with.podNamespaces = pod(users(ALL - 10, 10), users(ALL - 10, 10));
        assertThatCode(with::build).doesNotThrowAnyException();
        with.podNamespaces = pod(users(ALL - 10, 11), users(ALL - 10, 10));
        refused("the range of users with 11 ids from 0 inside and 4294967286 on the node goes beyond 2^32");
        with.podNamespaces = pod(users(ALL - 10, 10), users(ALL - 10, 11));
        refused("the range of groups with 11 ids");
        with.podNamespaces = pod(users(1, 1), users(1, 0));
        refused("the range of groups with 0 ids from 0 inside and 1 on the node is empty");
        with.podNamespaces = pod(users(1, 1), users(1, 1));
        assertThatCode(with::build).doesNotThrowAnyException();
    }

    @Test
    void whoRunsHasAnIdThere() {
        with.user = new ImageUser(65_535, 69_999, List.of(69_999L, 5L));
        assertThatCode(with::build).doesNotThrowAnyException();
        with.user = new ImageUser(65_536, 0, List.of(0L));
        refused("user 65536 has no id in the pod's user namespace, which has 65536 of them");
        with.user = new ImageUser(0, 70_000, List.of());
        refused("group 70000 has no id");
        with.user = new ImageUser(0, 0, List.of(0L, 70_000L));
        refused("group 70000 has no id");
    }

    @Test
    void aContainerHasItsPods() {
        var own = pod(users(100_000, 65_536), users(300_000, 70_000));
        with.security().namespaces = own;
        assertThatCode(with::build).doesNotThrowAnyException();
        with.security().namespaces = pod(users(100_000, 65_535), users(300_000, 70_000));
        refused("it is not its pod's");
        with.security().namespaces = NamespaceOptions.POD;
        assertThatCode(with::build).doesNotThrowAnyException();
        with.podNamespaces = NamespaceOptions.POD;
        with.security().namespaces = own;
        refused("it is not its pod's");
    }

    /** The group tty, 5, owns terminals, if the namespace has so many groups; how many users it has does not matter. */
    @ParameterizedTest
    @CsvSource({"65536, 6, true", "65536, 5, false", "1, 6, true", "65536, 1, false"})
    void terminalsBelongToAGroupThatIsThere(long users, long groups, boolean has) {
        with.podNamespaces = pod(users(100_000, users), users(300_000, groups));
        List<String> options = MountPart.of(with.request(), false, null).mounts().stream()
                .filter(mount -> mount.destination().equals("/dev/pts"))
                .map(Mount::options)
                .findFirst()
                .orElseThrow();
        assertThat(options.contains("gid=5")).isEqualTo(has);
    }

    private void mount(List<IdMapping> uids, List<IdMapping> gids, Propagation propagation) {
        with.mounts = List.of(new VolumeMount(
                "/v", volume.toString(), false, false, propagation, uids, gids, false, null, "", List.of()));
    }

    @Test
    void aVolumesMappingsAreThePods() {
        List<IdMapping> uids = users(100_000, 65_536);
        List<IdMapping> gids = users(300_000, 70_000);
        mount(uids, gids, Propagation.PRIVATE);
        assertThatCode(with::build).doesNotThrowAnyException();
        for (List<List<IdMapping>> bad : List.of(
                List.of(uids, uids),
                List.of(gids, gids),
                List.of(uids, List.<IdMapping>of()),
                List.of(List.<IdMapping>of(), gids))) {
            mount(bad.getFirst(), bad.getLast(), Propagation.PRIVATE);
            refused("its mappings are not those of the pod's user namespace");
        }
        mount(List.of(), List.of(), Propagation.PRIVATE);
        assertThatCode(with::build).doesNotThrowAnyException();
        with.podNamespaces = NamespaceOptions.POD;
        mount(uids, gids, Propagation.PRIVATE);
        refused("it has mappings, and the pod no user namespace");
    }

    @Test
    void mountsNeverReachTheNode() {
        mount(List.of(), List.of(), Propagation.BIDIRECTIONAL);
        refused("mounts that a user namespace makes never reach the node");
    }
}

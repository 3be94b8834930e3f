package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.cri.config.ContainerConfig.ImageName;
import dev.berth.cri.config.ContainerConfig.Propagation;
import dev.berth.cri.config.ContainerConfig.VolumeMount;
import dev.berth.cri.config.IdMapping;
import dev.berth.cri.config.NamespaceOptions;
import dev.berth.cri.config.NamespaceOptions.Mode;
import dev.berth.kernel.Fault;
import dev.berth.linux.Mounts;
import dev.berth.oci.LinuxSpec;
import dev.berth.oci.RuntimeSpec.Mount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountPartTest {
    @TempDir
    Path given;

    private Path host;
    private final Requests with = new Requests();

    @BeforeEach
    void realPath() throws IOException {
        host = given.toRealPath();
    }

    private MountPart mounts() {
        return MountPart.of(with.request(), false, null);
    }

    private Mount at(String destination) {
        return mounts().mounts().stream()
                .filter(m -> m.destination().equals(destination))
                .findFirst()
                .orElseThrow();
    }

    private List<String> destinations() {
        return mounts().mounts().stream().map(Mount::destination).toList();
    }

    private static void refused(Fault.Code code, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(Fault.class, f -> assertThat(f.code()).isEqualTo(code));
    }

    @Test
    void aContainerHasItsOrdinaryMountsNearTheRootFirst() {
        assertThat(destinations())
                .containsExactly(
                        "/proc",
                        "/dev",
                        "/sys",
                        "/dev/pts",
                        "/dev/mqueue",
                        "/dev/shm",
                        "/etc/hostname",
                        "/etc/hosts",
                        "/etc/resolv.conf",
                        "/sys/fs/cgroup");
        assertThat(at("/sys").options()).contains("ro");
        assertThat(at("/sys/fs/cgroup").options()).contains("ro");
        assertThat(at("/dev/shm").source()).isEqualTo("pod:shm");
        assertThat(at("/etc/hosts").source()).isEqualTo("/run/berth/pods/p/hosts");
        assertThat(at("/etc/hosts").options()).contains("rw");
        with.security().readonlyRootfs = true;
        assertThat(at("/etc/hosts").options()).contains("ro");
    }

    @Test
    void aPrivilegedOneMayWriteThere() {
        List<Mount> mounts = MountPart.of(with.request(), true, null).mounts();
        assertThat(mounts)
                .filteredOn(m -> m.destination().startsWith("/sys"))
                .hasSize(2)
                .allSatisfy(m -> assertThat(m.options()).contains("rw"));
    }

    @Test
    void withTheNodesIpcItsMemoryFilesAreSeen() {
        with.podNamespaces = new NamespaceOptions(Mode.POD, Mode.POD, Mode.NODE, "", null);
        assertThat(at("/dev/shm").source()).isEqualTo("/dev/shm");
    }

    @Test
    void theRequestsMountsReplaceOurs() {
        with.mounts.add(Requests.bind(host.toString(), "/etc/hosts"));
        with.mounts.add(Requests.bind(host.toString(), "//etc/../dev/shm/"));
        assertThat(at("/etc/hosts").source()).isEqualTo(host.toString());
        assertThat(at("/dev/shm").source()).isEqualTo(host.toString());
        with.mounts.clear();
        with.mounts.add(Requests.bind("/dev", "/dev"));
        assertThat(destinations()).contains("/dev").doesNotContain("/dev/pts", "/dev/shm", "/dev/mqueue");
    }

    @Test
    void aMissingPathBecomesADirectoryAndALinkIsResolved() throws IOException {
        with.mounts.add(Requests.bind(host + "/a/b", "/v"));
        assertThat(at("/v").source()).isEqualTo(host + "/a/b");
        assertThat(host.resolve("a/b")).isDirectory();
        Files.createSymbolicLink(host.resolve("link"), host.resolve("a"));
        with.mounts.add(Requests.bind(host + "/link", "/w"));
        assertThat(at("/w").source()).isEqualTo(host + "/a");
        assertThat(at("/w").options()).containsExactly("rbind", "rprivate", "rw");
    }

    @Test
    void badPathsAreRefused() throws IOException {
        Files.createSymbolicLink(host.resolve("loop"), Path.of("loop"));
        Files.writeString(host.resolve("file"), "");
        for (VolumeMount bad : List.of(
                Requests.bind("", "/v"),
                Requests.bind("relative", "/v"),
                Requests.bind(host.toString(), ""),
                Requests.bind(host.toString(), "/"),
                Requests.bind(host.toString(), "/a/../.."),
                Requests.bind(host + "\0", "/v"))) {
            with.mounts = List.of(bad);
            refused(Fault.Code.INVALID_ARGUMENT, this::mounts);
        }
        for (String bad : List.of(host + "/loop", host + "/file/below")) {
            with.mounts = List.of(Requests.bind(bad, "/v"));
            refused(Fault.Code.FAILED_PRECONDITION, this::mounts);
        }
    }

    @Test
    void dotsInADestinationStayInTheContainer() {
        with.mounts.add(Requests.bind(host.toString(), "/../../etc/x"));
        assertThat(at("/etc/x").source()).isEqualTo(host.toString());
    }

    @Test
    void onlyProcComesOverProc() {
        with.mounts = List.of(Requests.bind(host.toString(), "/proc"));
        refused(Fault.Code.INVALID_ARGUMENT, this::mounts);
        with.mounts = List.of(Requests.bind(host.toString(), "/proc/self/attr"));
        refused(Fault.Code.INVALID_ARGUMENT, this::mounts);
        with.mounts = List.of(Requests.bind("/proc", "/proc"));
        assertThat(at("/proc").type()).isEqualTo("bind");
        with.mounts = List.of(Requests.bind(host.toString(), "/proc/meminfo"));
        assertThat(at("/proc/meminfo").source()).isEqualTo(host.toString());
    }

    @Test
    void readOnlyAllTheWayDownHasRules() {
        with.mounts = List.of(Requests.mount(host.toString(), "/v", true, true, Propagation.PRIVATE));
        assertThat(at("/v").options()).containsExactly("rbind", "rprivate", "rro");
        with.mounts = List.of(Requests.mount(host.toString(), "/v", true, false, Propagation.PRIVATE));
        assertThat(at("/v").options()).containsExactly("rbind", "rprivate", "ro");
        with.mounts = List.of(Requests.mount(host.toString(), "/v", false, true, Propagation.PRIVATE));
        refused(Fault.Code.INVALID_ARGUMENT, this::mounts);
    }

    @Test
    void readOnlyAllTheWayDownAllowsNothingToComeIn() throws Exception {
        try (var shared = new SharedMount(host)) {
            for (Propagation propagation : List.of(Propagation.HOST_TO_CONTAINER, Propagation.BIDIRECTIONAL)) {
                with.mounts = List.of(Requests.mount(shared.path(), "/v", true, true, propagation));
                refused(Fault.Code.INVALID_ARGUMENT, this::mounts);
            }
        }
    }

    /** A bind mount of a directory on itself, shared. */
    private record SharedMount(Path at) implements AutoCloseable {
        SharedMount {
            assumeTrue(System.getProperty("user.name").equals("root"), "needs root");
            run("mount", "--bind", at.toString(), at.toString());
            run("mount", "--make-rshared", at.toString());
        }

        String path() {
            return at.toString();
        }

        static void run(String... command) {
            try {
                assertThat(new ProcessBuilder(command).inheritIO().start().waitFor())
                        .isZero();
            } catch (IOException | InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void close() throws IOException {
            Mounts.unmountAll(at);
        }
    }

    @Test
    void propagationNeedsAMountThatHasIt() throws Exception {
        try (var shared = new SharedMount(host)) {
            with.mounts = List.of(Requests.mount(shared.path(), "/v", false, false, Propagation.HOST_TO_CONTAINER));
            assertThat(at("/v").options()).contains("rslave");
            assertThat(mounts().rootfsPropagation()).isEqualTo("rslave");
            with.mounts = List.of(
                    Requests.mount(shared.path(), "/v", false, false, Propagation.BIDIRECTIONAL),
                    Requests.mount(shared.path(), "/w", false, false, Propagation.HOST_TO_CONTAINER));
            assertThat(at("/v").options()).contains("rshared");
            assertThat(mounts().rootfsPropagation()).isEqualTo("rshared");
            SharedMount.run("mount", "--make-rprivate", shared.path());
            refused(Fault.Code.FAILED_PRECONDITION, this::mounts);
        }
        with.mounts = List.of();
        assertThat(mounts().rootfsPropagation()).isNull();
    }

    private VolumeMount image(boolean readonly, String hostPath) {
        var name = new ImageName("data", Map.of(), "", "");
        return new VolumeMount(
                "/data",
                hostPath,
                readonly,
                false,
                Propagation.PRIVATE,
                List.of(),
                List.of(),
                false,
                name,
                "",
                List.of());
    }

    @Test
    void anImageIsMountedReadOnly() {
        with.mounts = List.of(image(true, ""));
        with.imageVolumes.put("/data", new ImageTree(List.of(host, Path.of("/below"))));
        assertThat(at("/data").type()).isEqualTo("overlay");
        assertThat(at("/data").options()).containsExactly("lowerdir=" + host + ":/below", "ro");
        with.imageVolumes.put("/data", new ImageTree(List.of(host)));
        assertThat(at("/data").options()).containsExactly("rbind", "rprivate", "ro");
        with.mounts = List.of(image(false, ""));
        refused(Fault.Code.INVALID_ARGUMENT, this::mounts);
        with.mounts = List.of(image(true, "/etc"));
        refused(Fault.Code.INVALID_ARGUMENT, this::mounts);
    }

    private static final List<IdMapping> USERS = List.of(new IdMapping(100_000, 0, 65_536));
    private static final List<IdMapping> GROUPS = List.of(new IdMapping(300_000, 0, 65_536));

    private void mapPod() {
        with.podNamespaces = new NamespaceOptions(
                Mode.POD, Mode.POD, Mode.POD, "", new NamespaceOptions.UserNamespace(Mode.POD, USERS, GROUPS));
    }

    @Test
    void anImageOfSeveralLayersHasTheOwnersOfThePod() {
        mapPod();
        with.mounts = List.of(image(true, ""));
        with.imageVolumes.put("/data", new ImageTree(List.of(host, Path.of("/below"))));
        assertThat(at("/data").type()).isEqualTo("overlay");
        assertThat(at("/data").uidMappings()).containsExactly(new LinuxSpec.IdMapping(0, 100_000, 65_536));
        assertThat(at("/data").gidMappings()).containsExactly(new LinuxSpec.IdMapping(0, 300_000, 65_536));
    }

    @Test
    void optionsAndMappingsArePassedOn() {
        mapPod();
        with.mounts = List.of(new VolumeMount(
                "/v",
                host.toString(),
                false,
                false,
                Propagation.PRIVATE,
                USERS,
                GROUPS,
                false,
                null,
                "",
                List.of("noexec", "nosuid")));
        assertThat(at("/v").options()).containsExactly("rbind", "rprivate", "rw", "noexec", "nosuid");
        assertThat(at("/v").uidMappings()).containsExactly(new LinuxSpec.IdMapping(0, 100_000, 65_536));
        assertThat(at("/v").gidMappings()).containsExactly(new LinuxSpec.IdMapping(0, 300_000, 65_536));
        with.mounts = List.of(new VolumeMount(
                "/v",
                host.toString(),
                false,
                false,
                Propagation.PRIVATE,
                List.of(),
                List.of(),
                false,
                null,
                "",
                List.of("dev")));
        refused(Fault.Code.INVALID_ARGUMENT, this::mounts);
    }
}

package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.cri.config.ContainerConfig.Capabilities;
import dev.berth.cri.config.ContainerConfig.DeviceMapping;
import dev.berth.cri.config.ContainerConfig.EnvVar;
import dev.berth.cri.config.ContainerConfig.Propagation;
import dev.berth.cri.config.GroupsPolicy;
import dev.berth.cri.config.SecurityProfile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a built spec really does, seen from inside a container of a real runtime. Needs root, the runtime, busybox, perl. */
@SuppressWarnings("NullAway.Init") // set before each test
class RealContainerTest {
    private static final String RUNC = "/usr/sbin/runc";

    @TempDir
    Path directory;

    private RealContainer real;
    private final Requests with = new Requests();

    @BeforeEach
    void start() throws Exception {
        assumeTrue(System.getProperty("user.name").equals("root"), "needs root");
        assumeTrue(
                Files.exists(Path.of("/bin/busybox")) && Files.exists(Path.of("/usr/bin/perl")), "needs busybox, perl");
        real = new RealContainer(directory);
    }

    @AfterEach
    void stop() throws Exception {
        if (real != null) {
            real.stop();
        }
    }

    private String sh(String runtime, String script) throws Exception {
        assumeTrue(Files.isExecutable(Path.of(runtime)), "needs " + runtime);
        with.command = List.of("/bin/sh", "-c", script);
        return real.run(runtime, with).output();
    }

    private static long mask(Collection<String> names) {
        return names.stream().mapToLong(n -> 1L << Capability.NAMES.indexOf(n)).sum();
    }

    private static Map<String, String> status(String output) {
        return output.lines()
                .filter(l -> l.contains(":\t"))
                .collect(Collectors.toMap(
                        l -> l.substring(0, l.indexOf(':')),
                        l -> l.substring(l.indexOf('\t')).strip(),
                        (a, b) -> b));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/usr/bin/crun", RUNC})
    void theOrdinaryContainerFromInside(String runtime) throws Exception {
        with.security().seccomp = new SecurityProfile(SecurityProfile.Type.RUNTIME_DEFAULT, "");
        with.env.add(new EnvVar("GREETING", "a b"));
        with.image = "{\"WorkingDir\":\"made/by/image\",\"Env\":[\"FROM=image\"]}";
        String output = sh(runtime, """
                cat /proc/self/status; pwd; env; hostname; cat /etc/hostname /etc/hosts
                for n in ipc uts net pid mnt; do echo "$n $(readlink /proc/self/ns/$n)"; done
                touch /sys/x; mount | grep ' /dev/shm '; cat /proc/self/oom_score_adj; ls /proc/self/fd
                """);
        Map<String, String> status = status(output);
        String expected = "%016x".formatted(mask(Capability.DEFAULT));
        assertThat(status)
                .as(output)
                .containsEntry("CapBnd", expected)
                .containsEntry("CapEff", expected)
                .containsEntry("CapPrm", expected)
                .containsEntry("CapInh", "0000000000000000")
                .containsEntry("CapAmb", "0000000000000000")
                .containsEntry("Seccomp", "2")
                .containsEntry("NoNewPrivs", "0");
        assertThat(output)
                .contains("\n/made/by/image\n", "\nGREETING=a b\n", "\nFROM=image\n", "\nHOSTNAME=web-0\n", "\nweb-0\n")
                .contains("10.0.0.7\tweb-0")
                .contains("Read-only file system")
                .contains(" /dev/shm ");
        for (String kind : List.of("ipc", "uts", "net", "pid")) {
            assertThat(output).contains(kind + " " + Files.readSymbolicLink(Path.of(real.namespace(kind))));
        }
        assertThat(output)
                .doesNotContain(
                        Files.readSymbolicLink(Path.of("/proc/self/ns/mnt")).toString());
    }

    /** Number and arguments of a system call, and what it answers. */
    private static String syscalls() {
        String calls = List.of(
                        "socket38 => [41,38,5,0]",
                        "socket40 => [41,40,1,0]",
                        "socket2 => [41,2,2,0]",
                        "socket39 => [41,39,1,0]",
                        "socket45 => [41,45,1,0]",
                        "io_uring => [425,1,0]",
                        "clone3 => [435,0,0]",
                        "keyctl => [250,0,0,0]",
                        "unshare => [272,0x10000000]",
                        "mount => [165,0,0,0,0,0]",
                        "sethostname => [170,0,0]",
                        "userfaultfd => [323,0]",
                        "personality => [135,0x40000]",
                        "personality_query => [135,0xffffffff]",
                        "chroot => [161,0]")
                .stream()
                .collect(Collectors.joining(","));
        return "perl -e 'my %c=(" + calls + "); for (sort keys %c) { my $r = syscall($c{$_}[0], map {$_} "
                + "@{$c{$_}}[1..$#{$c{$_}}]); print \"$_ \", ($r < 0 ? $!+0 : \"ok\"), \"\\n\"; }'";
    }

    @ParameterizedTest
    @ValueSource(strings = {"/usr/bin/crun", RUNC})
    void theDefaultFilterStopsWhatItShould(String runtime) throws Exception {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "numbers are those of x86-64");
        with.security().seccomp = new SecurityProfile(SecurityProfile.Type.RUNTIME_DEFAULT, "");
        assertThat(sh(runtime, syscalls()).lines())
                .contains(
                        "socket38 1",
                        "socket40 1",
                        "socket2 ok",
                        "io_uring 1",
                        "clone3 38",
                        "keyctl 1",
                        "unshare 1",
                        "mount 1",
                        "sethostname 1",
                        "userfaultfd 1",
                        "personality 1",
                        "personality_query ok",
                        "chroot 14")
                .as("other families reach the kernel, which does not know them")
                .doesNotContain("socket39 1", "socket45 1");
        with.security().capabilities = new Capabilities(List.of("SYS_ADMIN"), List.of(), List.of());
        assertThat(sh(runtime, syscalls()).lines())
                .as("what a capability allows the filter allows too")
                .contains("unshare ok", "sethostname ok", "socket38 1", "io_uring 1")
                .doesNotContain("clone3 38");
        with.security().seccomp = new SecurityProfile(SecurityProfile.Type.UNCONFINED, "");
        assertThat(sh(runtime, "grep Seccomp: /proc/self/status; " + syscalls()))
                .contains("Seccomp:\t0", "io_uring 14")
                .doesNotContain("socket38 1\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/usr/bin/crun", RUNC})
    void aFilterOfTheNode(String runtime) throws Exception {
        Path profile = directory.resolve("profile.json");
        Files.writeString(
                profile,
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"chmod\",\"fchmodat\",\"fchmodat2\"],"
                        + "\"action\":\"SCMP_ACT_ERRNO\"}]}");
        with.security().seccomp = new SecurityProfile(SecurityProfile.Type.LOCALHOST, profile.toString());
        assertThat(sh(runtime, "touch /tmp/x; chmod 777 /tmp/x")).contains("Operation not permitted");
        with.security().privileged = true;
        with.podPrivileged = true;
        assertThat(sh(runtime, "chmod 777 /tmp/x && echo done")).isEqualTo("done\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/usr/bin/crun", RUNC})
    void usersFromInside(String runtime) throws Exception {
        with.image = "{\"User\":\"user\"}";
        assertThat(sh(runtime, "id -u; id -g; id -G; grep CapEff /proc/self/status"))
                .isEqualTo("1000\n1001\n1001 50000\nCapEff:\t0000000000000000\n");
        with.security().groups = List.of(60000L);
        assertThat(sh(runtime, "id -G")).isEqualTo("1001 50000 60000\n");
        with.security().policy = GroupsPolicy.STRICT;
        assertThat(sh(runtime, "id -G")).isEqualTo("1001 60000\n");
        with.security().uid = 7L;
        with.security().gid = 8L;
        with.security().noNewPrivileges = true;
        assertThat(sh(runtime, "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status"))
                .isEqualTo("7\n8\n8 60000\nNoNewPrivs:\t1\n");
        with.security().capabilities = new Capabilities(List.of(), List.of("ALL"), List.of("NET_BIND_SERVICE"));
        assertThat(sh(runtime, "grep -E 'CapEff|CapAmb|CapBnd' /proc/self/status"))
                .as("ambient capabilities reach a user")
                .isEqualTo("CapEff:\t0000000000000400\nCapBnd:\t0000000000000400\nCapAmb:\t0000000000000400\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/usr/bin/crun", RUNC})
    void maskedAndReadOnlyPaths(String runtime) throws Exception {
        with.security().masked = List.of("bin/ls", "/proc/acpi", "/proc/kcore"); // from the root on without a slash too
        with.security().readonly = List.of("tmp", "/proc/sys");
        String output =
                sh(runtime, "ls; touch /tmp/test; cat /proc/kcore | wc -c; echo 1 > /proc/sys/kernel/domainname");
        assertThat(output)
                .contains("ls: Permission denied")
                .contains("touch: /tmp/test: Read-only file system")
                .containsPattern("(?m)^0$") // errors may come before or after it
                .contains("/proc/sys/kernel/domainname: Read-only file system");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/usr/bin/crun", RUNC})
    void privilegedFromInside(String runtime) throws Exception {
        with.security().privileged = true;
        with.security().masked = List.of("/bin/ls");
        with.security().seccomp = new SecurityProfile(SecurityProfile.Type.RUNTIME_DEFAULT, "");
        with.podPrivileged = true;
        String output = sh(runtime, "cat /proc/self/status; ls /dev; mount | grep ' /sys '");
        assertThat(status(output))
                .as(output)
                .containsEntry("Seccomp", "0")
                .containsEntry("CapEff", "%016x".formatted(mask(Capability.ofThisProcess())))
                .containsEntry("CapInh", "0000000000000000");
        assertThat(output).contains("kmsg").containsPattern("sysfs on /sys type sysfs \\(rw");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/usr/bin/crun", RUNC})
    void volumesAndDevices(String runtime) throws Exception {
        for (String each : List.of("rw", "ro", "rro")) {
            Files.createDirectories(directory.resolve("host").resolve(each));
        }
        Path host = directory.resolve("host").toRealPath();
        with.mounts = List.of(
                Requests.bind(host + "/rw", "/v/rw"),
                Requests.mount(host + "/ro", "/v/ro", true, false, Propagation.PRIVATE),
                Requests.mount(host + "/rro", "/v/rro", true, true, Propagation.PRIVATE));
        with.devices = List.of(new DeviceMapping("/dev/mine", "/dev/zero", "r"));
        with.image = "{\"Volumes\":{\"/data\":{},\"/../etc/extra\":{}}}";
        with.security().readonlyRootfs = true;
        Files.createDirectory(real.root().resolve("data"));
        Files.writeString(real.root().resolve("data/seed"), "from the image\n");
        String output = sh(runtime, """
                touch /v/rw/x /v/ro/x /v/rro/x /x /etc/hosts
                head -c 4 /dev/mine | wc -c
                cat /data/seed; touch /data/mine /etc/extra/x && echo volumes
                """);
        assertThat(output)
                .contains("/v/ro/x: Read-only", "/v/rro/x: Read-only", "touch: /x: Read-only", "/etc/hosts: Read-only")
                .doesNotContain("/v/rw/x:")
                .contains("4\nfrom the image\nvolumes\n");
        assertThat(host.resolve("rw/x")).exists();
        assertThat(directory.resolve("volumes/v0/mine")).exists();
        assertThat(real.root().resolve("data/mine")).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(strings = RUNC)
    void limitsFromInside(String runtime) throws Exception {
        with.resources = Requests.resources(50_000, 25_000, 512, 64 << 20, 0);
        assumeTrue(Files.exists(Path.of("/sys/fs/cgroup/memory/memory.limit_in_bytes")), "reads files of version 1");
        assertThat(sh(runtime, """
                        exec 2>&1; cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes
                        cat cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us; touch cpu/x
                        mknod /tmp/disk b 7 0 && cat /tmp/disk
                        """))
                .contains("67108864\n67108864\n512\n25000\n50000\n")
                .contains("Read-only file system")
                .contains("cat: can't open '/tmp/disk': Operation not permitted");
    }
}

package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.SecurityProfile;
import dev.berth.kernel.Fault;
import dev.berth.oci.SeccompSpec;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SeccompPartTest {
    @TempDir
    Path files;

    private final Requests with = new Requests();

    private @Nullable SeccompSpec of(SecurityProfile.@Nullable Type type, String file) {
        with.security().seccomp = type == null ? null : new SecurityProfile(type, file);
        return SeccompPart.of(with.security().build(), "amd64", Capability.DEFAULT);
    }

    private static boolean allows(SeccompSpec profile, String name) {
        return profile.syscalls().stream()
                .anyMatch(s -> s.names().contains(name) && s.action().equals("SCMP_ACT_ALLOW"));
    }

    @Test
    void silenceAndUnconfinedAreNoFilter() {
        assertThat(of(null, "")).isNull();
        assertThat(of(SecurityProfile.Type.UNCONFINED, "")).isNull();
        assertThat(SeccompPart.of(null, "amd64", Set.of())).isNull();
        with.security().privileged = true;
        assertThat(of(SecurityProfile.Type.RUNTIME_DEFAULT, "")).isNull();
    }

    @Test
    void theDeprecatedWordsAreUnderstood() {
        with.security().oldSeccomp = "runtime/default";
        assertThat(of(null, "")).isNotNull();
        assertThat(of(SecurityProfile.Type.UNCONFINED, ""))
                .as("the new field goes first")
                .isNull();
        with.security().oldSeccomp = "unconfined";
        assertThat(of(null, "")).isNull();
        with.security().oldSeccomp = "localhost/";
        assertThatThrownBy(() -> of(null, "")).isInstanceOf(Fault.class);
        with.security().oldSeccomp = "nonsense";
        assertThatThrownBy(() -> of(null, "")).isInstanceOf(Fault.class);
    }

    @Test
    void theDefaultFollowsTheCapabilities() {
        SeccompSpec plain = DefaultSeccomp.of("amd64", Capability.DEFAULT);
        assertThat(plain.defaultAction()).isEqualTo("SCMP_ACT_ERRNO");
        assertThat(plain.architectures()).contains("SCMP_ARCH_X86_64", "SCMP_ARCH_X86");
        for (String blocked : List.of(
                "io_uring_setup",
                "io_uring_enter",
                "mount",
                "umount2",
                "unshare",
                "setns",
                "bpf",
                "keyctl",
                "add_key",
                "kexec_load",
                "init_module",
                "open_by_handle_at",
                "reboot",
                "socketcall",
                "clone3",
                "userfaultfd",
                "perf_event_open",
                "swapon",
                "settimeofday",
                "mbind",
                "pivot_root",
                "sethostname")) {
            assertThat(allows(plain, blocked)).as(blocked).isFalse();
        }
        for (String allowed : List.of(
                "read",
                "write",
                "openat",
                "execve",
                "clone",
                "fork",
                "chroot",
                "futex",
                "epoll_wait",
                "ptrace",
                "arch_prctl",
                "statx",
                "rseq",
                "mseal",
                "socket",
                "personality")) {
            assertThat(allows(plain, allowed)).as(allowed).isTrue();
        }
        SeccompSpec admin = DefaultSeccomp.of("amd64", Set.of("CAP_SYS_ADMIN", "CAP_SYS_TIME"));
        assertThat(allows(admin, "mount")).isTrue();
        assertThat(allows(admin, "clone3")).isTrue();
        assertThat(allows(admin, "settimeofday")).isTrue();
        assertThat(allows(admin, "chroot")).isFalse();
        assertThat(allows(DefaultSeccomp.of("arm64", Set.of()), "arch_prctl")).isFalse();
        assertThat(allows(DefaultSeccomp.of("arm64", Set.of()), "cacheflush")).isTrue();
    }

    @Test
    void noNameStandsTwiceWithoutACondition() {
        SeccompSpec all = DefaultSeccomp.of("amd64", Capability.DEFAULT);
        List<String> names = all.syscalls().stream()
                .filter(s -> s.args().isEmpty())
                .flatMap(s -> s.names().stream())
                .toList();
        assertThat(names).doesNotHaveDuplicates().allMatch(n -> n.matches("_?[a-z][a-z0-9_]*"));
    }

    @Test
    void aFileOfTheNodeIsRead() throws IOException {
        Path file = files.resolve("p.json");
        Files.writeString(
                file,
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"chmod\"],\"action\":\"SCMP_ACT_ERRNO\"}]}");
        SeccompSpec profile = of(SecurityProfile.Type.LOCALHOST, file.toString());
        assertThat(Objects.requireNonNull(profile).syscalls()).hasSize(1);
        assertThat(of(SecurityProfile.Type.LOCALHOST, "localhost/" + file)).isEqualTo(profile);
    }

    @Test
    void badFilesAreRefusedAndNeverMeanNoFilter() throws IOException {
        Path large = files.resolve("large");
        try (var file = new RandomAccessFile(large.toFile(), "rw")) {
            file.setLength(1L << 32); // sparse
        }
        Path text = files.resolve("text");
        Files.writeString(text, "allow everything please");
        Path list = files.resolve("list");
        Files.writeString(list, "{\"syscalls\":[]}");
        for (String bad : List.of(
                "",
                "localhost/",
                "relative/p.json",
                "/no/such/file",
                files.toString(),
                large.toString(),
                "/dev/zero",
                text.toString(),
                list.toString(),
                "/a\0b")) {
            assertThatThrownBy(() -> of(SecurityProfile.Type.LOCALHOST, bad))
                    .as(bad)
                    .isInstanceOf(Fault.class);
        }
    }
}

package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.Child;
import dev.berth.linux.DetachedMount;
import dev.berth.linux.ExitStatus;
import dev.berth.linux.Fd;
import dev.berth.linux.Mounts;
import dev.berth.linux.Namespaces;
import dev.berth.linux.Pidfd;
import dev.berth.linux.Poller;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(300)
class VaultTest {
    @TempDir
    Path temp;

    private StateDir state;
    private Vault vault;

    @BeforeEach
    void open() throws Exception {
        state = StateDir.open(temp.resolve("state"));
        vault = Vault.open(state.vaultPin(), state.vault());
    }

    @AfterEach
    void close() throws Exception {
        vault.close();
        state.remove();
        state.close();
    }

    @Test
    void keepsNamespacesWithoutAMountOfTheHost() throws Exception {
        int before = Mounts.list().size();
        Path place = state.vault().resolve("uts");
        Fd uts = Namespaces.inNew(Set.of(Namespaces.Kind.UTS), () -> {
            Files.writeString(Path.of("/proc/sys/kernel/hostname"), "inside");
            return Namespaces.openSelf(Namespaces.Kind.UTS);
        });
        try (uts) {
            vault.keep(Map.of(place, uts));
        }
        assertThat(Mounts.list()).hasSize(before);
        vault.close();
        vault = Vault.open(state.vaultPin(), state.vault());
        try (Fd again = kept(place)) {
            assertThat(hostname(again)).isEqualTo("inside");
        }
        Vault.drop(place);
        Files.createFile(place);
        try (Fd plain = kept(place)) {
            assertThat(plain.read(new byte[1])).as("a plain file again").isEqualTo(-1);
        }
    }

    private Fd kept(Path place) throws Exception {
        return vault.open(List.of(place)).values().iterator().next();
    }

    private static String hostname(Fd uts) throws Exception {
        return Namespaces.enter(
                List.of(uts),
                () -> Files.readString(Path.of("/proc/sys/kernel/hostname")).strip());
    }

    @Test
    void keepsAFileSystemAndGivesClonesOfIt() throws Exception {
        Path place = Files.createDirectory(state.vault().resolve("shm"));
        try (DetachedMount memory = Mounts.tmpfs(Map.of("size", "1048576"), Set.of())) {
            try (DetachedMount copy = vault.keep(Map.of(), place, memory)) {
                Files.createFile(copy.fd().procPath().resolve("zero"));
            }
        }
        Path target = Files.createDirectory(state.scratch().resolve("target"));
        for (String name : List.of("one", "two")) {
            DetachedMount copy = vault.copy(place);
            try (copy) {
                Namespaces.inNew(Set.of(Namespaces.Kind.MOUNT), () -> {
                    copy.moveTo(target);
                    return Files.createFile(target.resolve(name));
                });
            }
        }
        assertThat(target).isEmptyDirectory();
        assertThat(place).isEmptyDirectory();
        DetachedMount last = vault.copy(place);
        try (last) {
            assertThat(last.fd().procPath().resolve("zero")).exists();
            assertThat(last.fd().procPath().resolve("one")).exists();
            assertThat(last.fd().procPath().resolve("two")).exists();
        }
    }

    @Test
    void keepsTheExitStatusOfAProcessThatNobodyHolds() throws Exception {
        Path place = state.vault().resolve("process");
        int pid;
        try (Child child = Child.command("/bin/sh", "-c", "read x; exit 42").spawn()) {
            pid = child.pid();
            vault.keep(Map.of(place, child.pidfd().fd()));
            assertThat(child.await(Poller.FOREVER)).hasValue(new ExitStatus(42, 0));
        }
        try (Pidfd again = Pidfd.ofFd(pid, kept(place))) {
            assertThat(again.exitInfo()).hasValue(new ExitStatus(42, 0));
        }
    }

    @Test
    void doesNotHoldTheHostsOtherMounts() throws Exception {
        try (Fd namespace = Namespaces.open(state.vaultPin())) {
            List<String> inside = Namespaces.enter(
                    List.of(namespace),
                    () -> Mounts.list().stream().map(mount -> mount.target()).toList());
            assertThat(inside)
                    .doesNotContain("/sys", "/dev")
                    .contains(state.rootfs().resolveSibling("").toString());
        }
    }
}

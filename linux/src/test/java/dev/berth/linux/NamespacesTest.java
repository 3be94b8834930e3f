package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NamespacesTest {
    @TempDir
    Path temp;

    @AfterEach
    void nothingIsLeft() throws IOException {
        List<MountEntry> left = MountsTest.mountsBelow(temp);
        for (MountEntry entry : left.reversed()) {
            Mounts.unmountAll(Path.of(entry.target()));
        }
        assertThat(left).isEmpty();
    }

    private static String self(Namespaces.Kind kind) throws IOException {
        return Files.readSymbolicLink(Path.of("/proc/thread-self/ns/" + kind.file()))
                .toString();
    }

    private static String interfaces() throws IOException {
        return Files.readString(Path.of("/proc/thread-self/net/dev"));
    }

    @Test
    void newNamespacesArePinnedEnteredAndLetGo() throws Exception {
        Path net = temp.resolve("net");
        Path uts = temp.resolve("uts");
        String ours = self(Namespaces.Kind.NET);
        String made = Namespaces.inNew(Set.of(Namespaces.Kind.NET, Namespaces.Kind.UTS), () -> {
            Namespaces.pin(Namespaces.Kind.NET, net);
            Namespaces.pin(Namespaces.Kind.UTS, uts);
            return self(Namespaces.Kind.NET);
        });
        assertThat(made).isNotEqualTo(ours);
        assertThat(self(Namespaces.Kind.NET)).isEqualTo(ours);
        assertThat(MountsTest.mountsBelow(temp))
                .hasSize(2)
                .allMatch(entry -> entry.type().equals("nsfs"));
        try (Fd first = Namespaces.open(net);
                Fd second = Namespaces.open(uts)) {
            String seen = Namespaces.enter(List.of(first, second), () -> {
                assertThat(interfaces().lines().filter(line -> line.contains(":")))
                        .singleElement()
                        .asString()
                        .contains("lo:");
                return self(Namespaces.Kind.NET);
            });
            assertThat(seen).isEqualTo(made);
        }
        Namespaces.unpin(net);
        Namespaces.unpin(uts);
        Namespaces.unpin(uts);
        assertThat(net).doesNotExist();
    }

    @Test
    void aFailedPinLeavesNoFile() throws Exception {
        Path taken = Files.writeString(temp.resolve("taken"), "mine");
        try (Fd net = Namespaces.openSelf(Namespaces.Kind.NET)) {
            assertThatThrownBy(() -> Namespaces.pin(net, taken)).isInstanceOf(LinuxException.class);
            assertThat(taken).hasContent("mine");
        }
        Fd closed = Namespaces.openSelf(Namespaces.Kind.NET);
        try (closed) {
            assertThat(closed.isClosed()).isFalse();
        }
        Path target = temp.resolve("target");
        assertThatThrownBy(() -> Namespaces.pin(closed, target)).isInstanceOf(LinuxException.class);
        assertThat(target).doesNotExist();
    }

    @Test
    void whatIsMountedInACopyIsSeenByNobodyElse() throws Exception {
        Path target = Files.createDirectory(temp.resolve("target"));
        Fd kept = Namespaces.inMountCopy(Propagation.PRIVATE, () -> {
            try (DetachedMount mount = Mounts.tmpfs(Map.of(), Set.of())) {
                mount.moveTo(target);
            }
            Files.writeString(target.resolve("inside"), "only here");
            assertThat(MountsTest.mountsBelow(temp)).hasSize(1);
            return Namespaces.openSelf(Namespaces.Kind.MOUNT);
        });
        assertThat(target.resolve("inside")).doesNotExist();
        assertThat(MountsTest.mountsBelow(temp)).isEmpty();
        try (kept) {
            boolean there = Namespaces.enter(List.of(kept), () -> Files.exists(target.resolve("inside")));
            assertThat(there).isTrue();
        }
    }

    @Test
    void aMountNamespaceIsPinnedFromOutside() throws Exception {
        Path pin = temp.resolve("vault");
        Path target = Files.createDirectory(temp.resolve("target"));
        // The kernel wants the place of a pinned mount namespace to be on a private mount.
        try (DetachedMount home = Mounts.bind(temp, false)) {
            home.setattr(MountAttributes.nothing().with(Propagation.PRIVATE), false);
            home.moveTo(temp);
        }
        Fd made = Namespaces.inMountCopy(Propagation.PRIVATE, () -> Namespaces.openSelf(Namespaces.Kind.MOUNT));
        try (made) {
            Namespaces.pin(made, pin);
        }
        try (Fd again = Namespaces.open(pin)) {
            Namespaces.enter(List.of(again), () -> {
                try (DetachedMount mount = Mounts.tmpfs(Map.of(), Set.of())) {
                    mount.moveTo(target);
                }
                return true;
            });
            List<MountEntry> inside = Namespaces.enter(List.of(again), () -> MountsTest.mountsBelow(target));
            assertThat(inside).hasSize(1);
        }
        assertThat(MountsTest.mountsBelow(target)).isEmpty();
        Namespaces.unpin(pin);
        Mounts.unmountAll(temp);
    }

    @Test
    void aSharedMountOfTheCopyStillReachesTheHost() throws Exception {
        Path shared = Files.createDirectory(temp.resolve("shared"));
        try (DetachedMount mount = Mounts.tmpfs(Map.of(), Set.of())) {
            mount.moveTo(shared);
        }
        Mounts.setattr(shared, MountAttributes.nothing().with(Propagation.SHARED), false);
        Path below = Files.createDirectory(shared.resolve("below"));
        Namespaces.inMountCopy(Propagation.UNCHANGED, () -> {
            try (DetachedMount mount = Mounts.tmpfs(Map.of(), Set.of())) {
                mount.moveTo(below);
            }
            return true;
        });
        assertThat(MountsTest.mountsBelow(below)).hasSize(1);
        Mounts.unmountAll(below);
        Namespaces.inMountCopy(Propagation.SLAVE, () -> {
            try (DetachedMount mount = Mounts.tmpfs(Map.of(), Set.of())) {
                mount.moveTo(below);
            }
            return true;
        });
        assertThat(MountsTest.mountsBelow(below)).isEmpty();
        Mounts.unmountAll(shared);
    }

    @Test
    void errorsComeBackToTheCaller() {
        assertThatThrownBy(() -> Namespaces.inNew(Set.of(Namespaces.Kind.UTS), () -> {
                    throw new IOException("from inside");
                }))
                .isInstanceOf(IOException.class)
                .hasMessage("from inside");
        assertThatThrownBy(() -> Namespaces.inNew(Set.of(Namespaces.Kind.USER), () -> true))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

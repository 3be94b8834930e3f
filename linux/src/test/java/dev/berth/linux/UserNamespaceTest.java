package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.linux.UserNamespace.IdRange;
import dev.berth.linux.netlink.Sysctl;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UserNamespaceTest {
    private static final List<IdRange> RANGE = List.of(new IdRange(0, 700_000, 65_536));

    @TempDir
    Path temp;

    @AfterEach
    void nothingIsLeft() throws Exception {
        assertThat(MountsTest.mountsBelow(temp)).isEmpty();
    }

    @Test
    void aUserNamespaceOwnsTheOthersMadeWithIt() throws Exception {
        String ours = Files.readSymbolicLink(Path.of("/proc/self/ns/net")).toString();
        try (UserNamespace made = UserNamespace.create(
                RANGE, RANGE, Set.of(Namespaces.Kind.NET, Namespaces.Kind.UTS, Namespaces.Kind.IPC))) {
            String theirs = Namespaces.enter(
                    List.of(made.get(Namespaces.Kind.NET)),
                    () -> Files.readSymbolicLink(Path.of("/proc/thread-self/ns/net"))
                            .toString());
            assertThat(theirs).startsWith("net:").isNotEqualTo(ours);
            Path pin = temp.resolve("user");
            Namespaces.pin(made.get(Namespaces.Kind.USER), pin);
            assertThat(MountsTest.mountsBelow(temp).getFirst().root()).startsWith("user:");
            Namespaces.unpin(pin);
        }
    }

    @Test
    void aMountTakesOnTheMapping() throws Exception {
        Path source = Files.createDirectory(temp.resolve("source"));
        Files.writeString(source.resolve("file"), "");
        try (UserNamespace made = UserNamespace.create(RANGE, RANGE, Set.of());
                DetachedMount mount = Mounts.bind(source, false)) {
            mount.setattr(MountAttributes.nothing().idmappedBy(made.get(Namespaces.Kind.USER)), false);
            try (Dir root = Dir.open(mount.fd())) {
                assertThat(root.stat(new byte[] {'f', 'i', 'l', 'e'}).uid()).isEqualTo(700_000);
            }
        }
    }

    /** The layers' files belong to the namespace's users, what is new keeps the node's ids, and no mount is left. */
    @Test
    void layersOfAnOverlayTakeOnTheMapping() throws Exception {
        Path one = Files.createDirectories(temp.resolve("layers/1/fs"));
        Path two = Files.createDirectories(temp.resolve("layers/2/fs"));
        Path upper = Files.createDirectories(temp.resolve("layers/3/fs"));
        Path work = Files.createDirectories(temp.resolve("layers/3/work"));
        Files.writeString(one.resolve("below"), "changed by the container");
        Files.writeString(two.resolve("above"), "");
        Files.setAttribute(two.resolve("above"), "unix:uid", 7);
        List<String> options = List.of(
                "lowerdir=" + two + ":" + one,
                "upperdir=" + upper,
                "workdir=" + work,
                "uidmap=0:700000:1000",
                "gidmap=0:700000:1000");
        List<MountEntry> before = Mounts.list();
        try (UserNamespace made = UserNamespace.create(RANGE, RANGE, Set.of());
                DetachedMount mount =
                        Mounts.fromOptions("overlay", "overlay", options, made.get(Namespaces.Kind.USER));
                Dir root = Dir.open(mount.fd())) {
            assertThat(root.stat("below".getBytes(StandardCharsets.UTF_8)).uid())
                    .isEqualTo(700_000);
            assertThat(root.stat("above".getBytes(StandardCharsets.UTF_8)).uid())
                    .isEqualTo(700_007);
            Files.writeString(mount.fd().procPath().resolve("below"), "once more");
        }
        assertThat(Files.getAttribute(upper.resolve("below"), "unix:uid")).isEqualTo(700_000);
        assertThat(Files.getAttribute(one.resolve("below"), "unix:uid")).isEqualTo(0);
        assertThat(Mounts.list()).hasSameSizeAs(before);
    }

    @Test
    void theNamespaceOfAMappingIsMadeIfNoneIsAtHand() throws Exception {
        Path source = Files.createDirectory(temp.resolve("source"));
        List<String> options = List.of("rbind", "uidmap=0:5000:10,10:6000:10", "gidmap=0:5000:10");
        try (DetachedMount mount = Mounts.fromOptions("bind", source.toString(), options);
                Dir root = Dir.open(mount.fd())) {
            assertThat(root.stat().uid()).isEqualTo(5000);
        }
        for (String wrong : List.of("uidmap=0:5000", "uidmap=x:y:z", "uidmap=", "gidmap=0:4294967295:2")) {
            assertThatThrownBy(() -> Mounts.fromOptions("bind", source.toString(), List.of("bind", wrong)))
                    .isInstanceOf(LinuxException.class);
        }
    }

    /** A setting of its IPC namespace belongs to its root: the node's root is refused. */
    @Test
    void itsRootWritesItsSettings() throws Exception {
        Path setting = Path.of("/proc/sys/kernel/shmmni");
        try (UserNamespace made = UserNamespace.create(RANGE, RANGE, Set.of(Namespaces.Kind.IPC))) {
            Fd ipc = made.get(Namespaces.Kind.IPC);
            UserNamespace.write(made.get(Namespaces.Kind.USER), Map.of(Namespaces.Kind.IPC, ipc), setting, "1234");
            String inside = Namespaces.enter(
                    List.of(ipc),
                    () -> Sysctl.read("kernel/shmmni").orElseThrow().strip());
            assertThat(inside).isEqualTo("1234");
            assertThat(Sysctl.read("kernel/shmmni").orElseThrow().strip()).isNotEqualTo("1234");
            assertThatThrownBy(() -> UserNamespace.write(
                            made.get(Namespaces.Kind.USER), Map.of(Namespaces.Kind.IPC, ipc), setting, "no number"))
                    .isInstanceOf(LinuxException.class);
        }
    }

    @Test
    void impossibleRangesAreRefused() {
        List<IdRange> overlapping = List.of(new IdRange(0, 1000, 10), new IdRange(5, 2000, 10));
        assertThatThrownBy(() -> UserNamespace.create(overlapping, RANGE, Set.of()))
                .isInstanceOfSatisfying(
                        LinuxException.class,
                        e -> assertThat(e.is(Errno.EINVAL)).isTrue());
        assertThatThrownBy(() -> new IdRange(0, 0, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> UserNamespace.create(RANGE, RANGE, Set.of(Namespaces.Kind.PID)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

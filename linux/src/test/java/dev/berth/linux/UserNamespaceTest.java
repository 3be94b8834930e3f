package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.linux.UserNamespace.IdRange;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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

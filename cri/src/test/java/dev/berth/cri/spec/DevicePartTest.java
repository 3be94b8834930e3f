package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.berth.cri.config.ContainerConfig.DeviceMapping;
import dev.berth.kernel.Fault;
import dev.berth.oci.LinuxResources.DeviceRule;
import dev.berth.oci.LinuxSpec.Device;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DevicePartTest {
    @TempDir
    Path directory;

    private static DevicePart of(DeviceMapping... devices) {
        return DevicePart.of(List.of(devices), false, DevicePart.Owner.SAME);
    }

    @Test
    void withoutAWordOnlyWhatEveryProgramNeeds() {
        DevicePart part = of();
        assertThat(part.nodes()).isEmpty();
        assertThat(part.rules().getFirst()).isEqualTo(new DeviceRule(false, "a", null, null, "rwm"));
        assertThat(part.rules())
                .contains(new DeviceRule(true, "c", 1L, 3L, "rwm"), new DeviceRule(true, "c", 136L, null, "rwm"))
                .noneMatch(r -> r.allow() && "b".equals(r.type()) && !"m".equals(r.access()));
    }

    @Test
    void aDeviceOfTheNode() {
        DevicePart part = of(new DeviceMapping("/dev/mine", "/dev/null", "rw"));
        Device node = part.nodes().getFirst();
        assertThat(node.path()).isEqualTo("/dev/mine");
        assertThat(node.type()).isEqualTo("c");
        assertThat(node.major()).isEqualTo(1);
        assertThat(node.minor()).isEqualTo(3);
        assertThat(node.fileMode()).isEqualTo(0666);
        assertThat(part.rules().getLast()).isEqualTo(new DeviceRule(true, "c", 1L, 3L, "rw"));
    }

    @Test
    void aDirectoryAndALinkAndLargeNumbers() throws Exception {
        assumeTrue(System.getProperty("user.name").equals("root"), "needs root");
        Files.createDirectory(directory.resolve("bus"));
        mknod(directory.resolve("bus/one"), "b", 259, 70_000);
        mknod(directory.resolve("two"), "c", 10, 229);
        Files.createSymbolicLink(directory.resolve("link"), Path.of("/dev/null"));
        Files.writeString(directory.resolve("file"), "no device");
        DevicePart part = of(new DeviceMapping("/dev/x", directory.toString(), "rwm"));
        assertThat(part.nodes()).extracting(Device::path).containsExactlyInAnyOrder("/dev/x/bus/one", "/dev/x/two");
        assertThat(part.rules())
                .contains(new DeviceRule(true, "b", 259L, 70_000L, "rwm"), new DeviceRule(true, "c", 10L, 229L, "rwm"));
        assertThat(of(new DeviceMapping("/dev/y", directory + "/link", "r"))
                        .nodes()
                        .getFirst()
                        .minor())
                .as("a link that is named itself is followed")
                .isEqualTo(3);
    }

    private static void mknod(Path path, String type, int major, int minor) throws Exception {
        assertThat(new ProcessBuilder("mknod", path.toString(), type, "" + major, "" + minor)
                        .inheritIO()
                        .start()
                        .waitFor())
                .isZero();
    }

    @Test
    void badOnesAreRefused() {
        for (DeviceMapping bad : List.of(
                new DeviceMapping("/dev/x", "/dev/no-such-device", "rw"),
                new DeviceMapping("/dev/x", "/etc/passwd", "rw"),
                new DeviceMapping("/dev/x", "", "rw"),
                new DeviceMapping("/dev/x", "dev/null", "rw"),
                new DeviceMapping("x", "/dev/null", "rw"),
                new DeviceMapping("/dev/x", "/dev/null", "rwx"),
                new DeviceMapping("/dev/x", "/dev/null", "r w"))) {
            assertThatThrownBy(() -> of(bad))
                    .as(bad.toString())
                    .isInstanceOfSatisfying(
                            Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
        }
    }

    @Test
    void privilegedMeansAll() {
        DevicePart part = DevicePart.of(List.of(), true, DevicePart.Owner.SAME);
        assertThat(part.rules()).containsExactly(new DeviceRule(true, "a", null, null, "rwm"));
        assertThat(part.nodes())
                .extracting(Device::path)
                .contains("/dev/null", "/dev/zero")
                .doesNotContain("/dev/console")
                .noneMatch(p -> p.startsWith("/dev/pts/"));
    }
}

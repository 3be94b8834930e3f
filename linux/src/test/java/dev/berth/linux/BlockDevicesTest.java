package dev.berth.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class BlockDevicesTest {
    private final BlockDevices devices = new BlockDevices();

    @Test
    void aDeviceHasTheNameThatTheKernelGaveIt() throws Exception {
        Path known = Path.of("/sys/dev/block");
        assumeTrue(Files.isDirectory(known), "this host has no block devices");
        try (var entries = Files.list(known)) {
            String numbers = entries.findFirst().orElseThrow().getFileName().toString();
            String[] parts = numbers.split(":", 2);
            assertThat(devices.name(Long.parseLong(parts[0]), Long.parseLong(parts[1])))
                    .startsWith("/dev/");
        }
    }

    @Test
    void oneThatIsNotThereIsCalledByItsNumbers() {
        assertThat(devices.name(4095, 1048575)).isEqualTo("4095:1048575");
    }
}

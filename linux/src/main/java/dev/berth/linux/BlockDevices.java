package dev.berth.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Names of block devices. They are remembered, so one of these is for a short time: numbers are given out anew. */
public final class BlockDevices {
    private static final String NAME = "DEVNAME=";

    private final Map<Long, String> names = new ConcurrentHashMap<>();

    /** The name of a device, {@code /dev/sda}; one that the kernel has no name for is called by its numbers, {@code 8:0}. */
    public String name(long major, long minor) {
        return names.computeIfAbsent(major << 32 | minor, _ -> read(major + ":" + minor));
    }

    private static String read(String numbers) {
        try {
            return Files.readAllLines(Path.of("/sys/dev/block", numbers, "uevent")).stream()
                    .filter(line -> line.startsWith(NAME))
                    .findFirst()
                    .map(line -> "/dev/" + line.substring(NAME.length()))
                    .orElse(numbers);
        } catch (IOException e) {
            return numbers;
        }
    }
}

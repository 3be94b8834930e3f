package dev.berth.network.cni;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * Settings of CNI.
 *
 * @param confDirectory where the networks' configurations are, {@code /etc/cni/net.d} by custom
 * @param binDirectories where plugins are looked for, in this order; {@code /opt/cni/bin} by custom
 * @param cacheDirectory where we remember what was added, below the daemon's durable root
 * @param pluginLimit how long one plugin may take for one command
 */
public record CniConfig(Path confDirectory, List<Path> binDirectories, Path cacheDirectory, Duration pluginLimit) {

    public CniConfig {
        binDirectories = List.copyOf(binDirectories);
    }
}

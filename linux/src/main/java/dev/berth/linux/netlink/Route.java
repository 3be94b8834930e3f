package dev.berth.linux.netlink;

import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * A route of the main table.
 *
 * @param destination {@code 0.0.0.0/0} or {@code ::/0} for the default route
 * @param gateway null if the destination is on the link itself
 * @param link index of the interface, 0 if none (blackhole)
 */
public record Route(IpPrefix destination, @Nullable InetAddress gateway, int link) {
    public boolean isDefault() {
        return destination.bits() == 0;
    }
}

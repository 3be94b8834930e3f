package dev.berth.network.bridge;

import dev.berth.kernel.Fault;
import dev.berth.linux.netlink.IpPrefix;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Settings of the built-in network.
 *
 * @param bridge name of the bridge, and of the tables of nftables; another daemon on the same node needs another one
 * @param subnets address ranges, at most one for each family; empty to choose a free one
 * @param ipv6 whether a range that we choose is accompanied by one of IPv6
 * @param mtu in bytes; 0 for that of the interface with the default route
 * @param directory where the leases are kept, below the daemon's durable root
 */
public record BridgeConfig(String bridge, List<IpPrefix> subnets, boolean ipv6, int mtu, Path directory) {
    /** The bridge's usual name. */
    public static final String DEFAULT_BRIDGE = "berth0";

    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,14}");
    private static final int LEAST_FREE_BITS = 2;

    public BridgeConfig {
        subnets = subnets.stream().map(IpPrefix::network).toList();
        if (!NAME.matcher(bridge).matches()) {
            throw Fault.invalid(
                    "built-in network",
                    "\"" + bridge + "\" can't be the name of a bridge",
                    "Use 1 to 15 letters, digits, - and _");
        }
        checkSubnets(subnets);
    }

    /** The settings that need no thought. */
    public static BridgeConfig standard(Path directory) {
        return new BridgeConfig(DEFAULT_BRIDGE, List.of(), false, 0, directory);
    }

    static void checkSubnets(List<IpPrefix> subnets) {
        long v6 = subnets.stream().filter(IpPrefix::isV6).count();
        if (v6 > 1 || subnets.size() - v6 > 1) {
            throw Fault.invalid(
                    "built-in network",
                    "more than one range of a family: " + subnets,
                    "Name one of IPv4, one of IPv6, or both");
        }
        for (IpPrefix subnet : subnets) {
            if (8 * subnet.address().getAddress().length - subnet.bits() < LEAST_FREE_BITS) {
                throw Fault.invalid(
                        "built-in network", subnet + " has no room for pods", "Use a range such as 10.88.0.0/16");
            }
        }
    }
}

package dev.berth.network.bridge;

import dev.berth.linux.netlink.IpPrefix;
import java.util.List;

/**
 * The address ranges in use and who chose them. Every pod has the same number in each of them; number 1 is the bridge.
 *
 * @param subnets at most one of a family; none at all before the first choice
 */
record Ranges(Origin origin, List<IpPrefix> subnets) {
    static final Ranges NONE = new Ranges(Origin.CHOSEN, List.of());

    static final long GATEWAY = 1;
    static final long FIRST = 2;
    private static final long MOST = 1 << 20; // more pods than any node has; keeps ranges of IPv6 countable

    /** Later ones count more. */
    enum Origin {
        CHOSEN,
        CONFIGURED,
        CLUSTER
    }

    /** The last number that a pod may have. */
    long last() {
        long last = MOST;
        for (IpPrefix subnet : subnets) {
            int free = 8 * subnet.address().getAddress().length - subnet.bits();
            if (free < 21) {
                last = Math.min(last, (1L << free) - 2); // the highest address of IPv4 means everybody
            }
        }
        return last;
    }

    /** The addresses of a number, with the length of their range. */
    List<IpPrefix> addresses(long number) {
        return subnets.stream().map(s -> new IpPrefix(s.at(number), s.bits())).toList();
    }

    /** The bridge's own addresses. */
    List<IpPrefix> gateways() {
        return addresses(GATEWAY);
    }
}

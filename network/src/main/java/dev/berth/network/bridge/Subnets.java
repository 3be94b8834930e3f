package dev.berth.network.bridge;

import dev.berth.kernel.Fault;
import dev.berth.linux.LinuxException;
import dev.berth.linux.netlink.IpPrefix;
import dev.berth.linux.netlink.Link;
import dev.berth.linux.netlink.Route;
import dev.berth.linux.netlink.Rtnetlink;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Which address ranges are free on this node. */
final class Subnets {
    private static final int FIRST = 88;
    private static final int LAST = 127;
    private static final int TRIES = 16; // that one of 2^40 is taken means that a route leads into all of them

    private Subnets() {}

    /**
     * The first of 10.88.0.0/16 … 10.127.0.0/16 that no route of the node leads into, and a random local range of IPv6
     * if wanted.
     *
     * @throws Fault FAILED_PRECONDITION if none is free
     */
    static List<IpPrefix> choose(Rtnetlink net, String bridge, boolean ipv6) throws LinuxException {
        List<Route> routes = net.routes();
        int own = net.find(bridge).map(Link::index).orElse(-1);
        IpPrefix free = IntStream.rangeClosed(FIRST, LAST)
                .mapToObj(i -> IpPrefix.parse("10." + i + ".0.0/16"))
                .filter(candidate -> conflict(routes, own, candidate).isEmpty())
                .findFirst()
                .orElseThrow(() -> Fault.precondition(
                        "choose an address range for pods",
                        "routes of this node lead into all of 10." + FIRST + ".0.0/16 to 10." + LAST + ".0.0/16",
                        "Configure a free range as network.subnets"));
        List<IpPrefix> chosen = new ArrayList<>(List.of(free));
        if (ipv6) {
            chosen.add(chooseV6(routes, own));
        }
        return List.copyOf(chosen);
    }

    /** What was chosen before, with a range of IPv6 added or left out where that is wanted now. */
    static List<IpPrefix> adjust(Rtnetlink net, String bridge, List<IpPrefix> chosen, boolean ipv6)
            throws LinuxException {
        if (chosen.stream().anyMatch(IpPrefix::isV6) == ipv6) {
            return chosen;
        }
        List<IpPrefix> adjusted =
                new ArrayList<>(chosen.stream().filter(s -> !s.isV6()).toList());
        if (ipv6) {
            adjusted.add(
                    chooseV6(net.routes(), net.find(bridge).map(Link::index).orElse(-1)));
        }
        return List.copyOf(adjusted);
    }

    private static IpPrefix chooseV6(List<Route> routes, int own) {
        return Stream.generate(Subnets::randomLocal)
                .limit(TRIES)
                .filter(candidate -> conflict(routes, own, candidate).isEmpty())
                .findFirst()
                .orElseThrow(() -> Fault.precondition(
                        "choose a range of IPv6 for pods",
                        "routes of this node lead into all local ranges",
                        "Configure free ranges as network.subnets"));
    }

    /** RFC 4193: fd, then 40 random bits; our pods are in its subnet 0. */
    private static IpPrefix randomLocal() {
        byte[] bytes = new byte[16];
        byte[] random = new byte[5];
        new SecureRandom().nextBytes(random);
        bytes[0] = (byte) 0xfd;
        System.arraycopy(random, 0, bytes, 1, random.length);
        try {
            return new IpPrefix(InetAddress.getByAddress(bytes), 64);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("16 bytes are always an address", e);
        }
    }

    /** @throws Fault FAILED_PRECONDITION if a route of the node leads into one of the ranges, by another way than our bridge */
    static void checkFree(Rtnetlink net, String bridge, List<IpPrefix> wanted) throws LinuxException {
        List<Route> routes = net.routes();
        int own = net.find(bridge).map(Link::index).orElse(-1);
        for (IpPrefix subnet : wanted) {
            Optional<Route> conflict = conflict(routes, own, subnet);
            if (conflict.isPresent()) {
                Route route = conflict.get();
                String link = net.links().stream()
                        .filter(l -> l.index() == route.link())
                        .map(Link::name)
                        .findFirst()
                        .orElse("another interface");
                throw Fault.precondition(
                        "use " + subnet + " for pods",
                        "a route of this node leads to " + route.destination() + " by " + link,
                        "Configure a free range as network.subnets");
            }
        }
    }

    private static Optional<Route> conflict(List<Route> routes, int own, IpPrefix subnet) {
        return routes.stream()
                .filter(r ->
                        !r.isDefault() && r.link() != own && r.destination().overlaps(subnet))
                .findFirst();
    }

    /** The smallest packet size of the interfaces that lead to the rest of the world; 0 if there are none. */
    static int uplinkMtu(Rtnetlink net) throws LinuxException {
        List<Integer> uplinks =
                net.routes().stream().filter(Route::isDefault).map(Route::link).toList();
        return net.links().stream()
                .filter(l -> uplinks.contains(l.index()))
                .mapToInt(Link::mtu)
                .min()
                .orElse(0);
    }
}

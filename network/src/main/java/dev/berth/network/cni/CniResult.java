package dev.berth.network.cni;

import dev.berth.linux.netlink.IpPrefix;
import dev.berth.network.Attachment;
import dev.berth.network.PodNetworkRequest;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** What an ADD answered, in the form of one version, and what we take from it. */
final class CniResult {
    private static final String VERSION = "cniVersion";
    private static final String IPS = "ips";
    private static final String INTERFACES = "interfaces";
    private static final String ROUTES = "routes";
    private static final String ADDRESS = "address";

    private CniResult() {}

    /**
     * The same result in the form of another version, as the next plugin expects it.
     *
     * @throws IllegalArgumentException if its own version is unknown
     */
    static JsonObject convert(JsonObject result, CniVersion to) {
        String said = result.text(VERSION);
        CniVersion from = said.isEmpty()
                ? to
                : CniVersion.parse(said)
                        .orElseThrow(() -> new IllegalArgumentException("its result has cniVersion " + said));
        JsonObject converted = result.with(VERSION, to.text());
        if (from == to) {
            return converted;
        }
        if (result.has(IPS)) {
            boolean family = !to.isAtLeast(CniVersion.V1_0_0);
            converted = converted.with(
                    IPS,
                    result.objects(IPS).stream()
                            .map(ip -> family ? withFamily(ip) : ip.without("version"))
                            .toList());
        }
        if (!to.isAtLeast(CniVersion.V1_1_0)) {
            converted = strip(converted, INTERFACES, "mtu", "socketPath", "pciID");
            converted = strip(converted, ROUTES, "mtu", "advmss", "priority", "table", "scope");
        }
        return converted;
    }

    private static JsonObject withFamily(JsonObject ip) {
        return ip.with("version", ip.text(ADDRESS).indexOf(':') >= 0 ? "6" : "4");
    }

    private static JsonObject strip(JsonObject result, String list, String... names) {
        return result.has(list)
                ? result.with(
                        list,
                        result.objects(list).stream().map(o -> o.without(names)).toList())
                : result;
    }

    /**
     * The pod's side of a result.
     *
     * @throws IllegalArgumentException if the pod got no address on its interface
     */
    static Attachment attachment(JsonObject result) {
        List<JsonObject> interfaces = result.objects(INTERFACES);
        List<IpPrefix> ips = new ArrayList<>();
        for (JsonObject ip : result.objects(IPS)) {
            int index = ip.integer("interface").orElse(-1);
            // A result without interfaces means the one that was asked for.
            if (index < 0 || index >= interfaces.size() || isPods(interfaces.get(index))) {
                ips.add(IpPrefix.parse(ip.text(ADDRESS)));
            }
        }
        if (ips.isEmpty()) {
            throw new IllegalArgumentException("the plugins gave " + PodNetworkRequest.INTERFACE + " no address");
        }
        ips.sort(Comparator.comparing(IpPrefix::isV6)); // the pod's own address is of IPv4 where it has both
        return new Attachment(
                ips.stream().map(IpPrefix::toString).toList(),
                interfaces.stream()
                        .map(i -> new Attachment.Interface(i.text("name"), i.text("mac"), i.text("sandbox")))
                        .toList(),
                result.toString());
    }

    private static boolean isPods(JsonObject link) {
        return link.has("sandbox") && link.text("name").equals(PodNetworkRequest.INTERFACE);
    }
}

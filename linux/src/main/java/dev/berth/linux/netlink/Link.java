package dev.berth.linux.netlink;

import java.util.HexFormat;
import java.util.Locale;

/**
 * A network interface as the kernel sees it.
 *
 * @param kind bridge, veth, dummy…; empty for a real device and for {@code lo}
 * @param mac six bytes as {@code 02:fc:00:00:00:01}; empty if it has none
 * @param master index of the bridge that it is a port of, 0 if none
 * @param peer index of a veth's other end (in its own namespace), 0 if unknown
 */
public record Link(
        int index, String name, String kind, String mac, int mtu, boolean up, int master, int peer, Counters counters) {
    private static final HexFormat MAC = HexFormat.ofDelimiter(":");

    /** Since the interface was made: what came in (rx) and what went out (tx), seen from the interface. */
    public record Counters(
            long rxBytes,
            long rxPackets,
            long rxErrors,
            long rxDropped,
            long txBytes,
            long txPackets,
            long txErrors,
            long txDropped) {
        public static final Counters NONE = new Counters(0, 0, 0, 0, 0, 0, 0, 0);
    }

    static String macText(byte[] bytes) {
        return MAC.formatHex(bytes);
    }

    /**
     * The bytes of a MAC address.
     *
     * @throws IllegalArgumentException if the text is not one
     */
    static byte[] macBytes(String text) {
        byte[] bytes = MAC.parseHex(text.toLowerCase(Locale.ROOT));
        if (bytes.length != 6) {
            throw new IllegalArgumentException("not a MAC address: " + text);
        }
        return bytes;
    }
}

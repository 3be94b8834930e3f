package dev.berth.linux.netlink;

import java.math.BigInteger;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.regex.Pattern;

/**
 * An address and how many of its leading bits name the network, as in {@code 10.88.0.1/16}. The address may have bits beyond
 * them, as that of an interface has.
 */
public record IpPrefix(InetAddress address, int bits) {
    private static final Pattern DOTTED = Pattern.compile("[0-9]{1,3}(?:\\.[0-9]{1,3}){3}");

    /** @throws IllegalArgumentException if the number of bits does not fit the address */
    public IpPrefix {
        if (bits < 0 || bits > 8 * address.getAddress().length) {
            throw new IllegalArgumentException(
                    "an address of " + 8 * address.getAddress().length + " bits has no prefix of " + bits);
        }
    }

    /**
     * Reads {@code 10.88.0.0/16}, {@code fd00::1/64}, or an address alone, which means all of its bits. Names are not resolved.
     *
     * @throws IllegalArgumentException if it is none of these
     */
    public static IpPrefix parse(String text) {
        int slash = text.indexOf('/');
        InetAddress address = address(slash < 0 ? text : text.substring(0, slash));
        int all = 8 * address.getAddress().length;
        if (slash < 0) {
            return new IpPrefix(address, all);
        }
        String bits = text.substring(slash + 1);
        if (!bits.matches("[0-9]{1,3}")) {
            throw new IllegalArgumentException("not a prefix length: " + bits);
        }
        return new IpPrefix(address, Integer.parseInt(bits));
    }

    /**
     * Reads an address; names are not resolved.
     *
     * @throws IllegalArgumentException if it is not the usual text of an IPv4 or IPv6 address
     */
    public static InetAddress address(String text) {
        // Java also takes "10.88" and "0x0a580001" for addresses, which nobody means.
        if (text.indexOf('%') >= 0
                || (text.indexOf(':') < 0 && !DOTTED.matcher(text).matches())) {
            throw new IllegalArgumentException("not an IP address: " + text);
        }
        return InetAddress.ofLiteral(text);
    }

    /** An address with all of its bits. */
    public static IpPrefix host(InetAddress address) {
        return new IpPrefix(address, 8 * address.getAddress().length);
    }

    public boolean isV6() {
        return address instanceof Inet6Address;
    }

    /** The same prefix with the bits beyond it zero. */
    public IpPrefix network() {
        byte[] bytes = address.getAddress();
        byte[] mask = mask();
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] &= mask[i];
        }
        return new IpPrefix(address(bytes), bits);
    }

    /** One bit for each bit of the prefix. */
    public byte[] mask() {
        byte[] mask = new byte[address.getAddress().length];
        Arrays.fill(mask, 0, bits / 8, (byte) 0xff);
        if (bits % 8 != 0) {
            mask[bits / 8] = (byte) (0xff << (8 - bits % 8));
        }
        return mask;
    }

    public boolean contains(InetAddress other) {
        return other.getAddress().length == address.getAddress().length
                && new IpPrefix(other, bits)
                        .network()
                        .address()
                        .equals(network().address());
    }

    /** Whether some address is in both. */
    public boolean overlaps(IpPrefix other) {
        return contains(other.network().address()) || other.contains(network().address());
    }

    /**
     * The address at a distance from the network's first.
     *
     * @throws IllegalArgumentException if it would be outside of the prefix
     */
    public InetAddress at(long offset) {
        byte[] bytes = network().address().getAddress();
        int free = 8 * bytes.length - bits;
        if (offset < 0 || (free < 63 && offset >>> free != 0)) {
            throw new IllegalArgumentException(this + " has no address number " + offset);
        }
        long rest = offset;
        for (int i = bytes.length - 1; i >= 0 && rest != 0; i--, rest >>>= 8) {
            bytes[i] |= (byte) rest;
        }
        return address(bytes);
    }

    /**
     * The distance of an address from the network's first, the inverse of {@link #at}.
     *
     * @throws IllegalArgumentException if the address is not in it or too far to count
     */
    public long numberOf(InetAddress member) {
        BigInteger first = new BigInteger(1, network().address().getAddress());
        BigInteger distance = new BigInteger(1, member.getAddress()).subtract(first);
        if (!contains(member) || distance.bitLength() > 62) {
            throw new IllegalArgumentException(text(member) + " has no number in " + this);
        }
        return distance.longValue();
    }

    private static InetAddress address(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("4 or 16 bytes are always an address", e);
        }
    }

    /** As {@link #parse} reads it, in the short form for IPv6 too. */
    @Override
    public String toString() {
        return text(address) + "/" + bits;
    }

    /** The usual text of an address: IPv6 with its longest run of zeros left out (RFC 5952). */
    public static String text(InetAddress address) {
        byte[] bytes = address.getAddress();
        return bytes.length == 16 ? Rfc5952.text(bytes) : String.valueOf(address.getHostAddress());
    }
}

package dev.berth.linux.netlink;

/** Which packets a table sees. */
public enum NftFamily {
    /** Table family {@code ip}. */
    IPV4(2, 4, 12, 16, 7),
    /** Table family {@code ip6}. */
    IPV6(10, 16, 8, 24, 8);

    private final int number;
    private final int addressBytes;
    private final int sourceOffset;
    private final int destinationOffset;
    private final int addressType;

    NftFamily(int number, int addressBytes, int sourceOffset, int destinationOffset, int addressType) {
        this.number = number;
        this.addressBytes = addressBytes;
        this.sourceOffset = sourceOffset;
        this.destinationOffset = destinationOffset;
        this.addressType = addressType;
    }

    /** AF_INET or AF_INET6, which is also NFPROTO_IPV4 or NFPROTO_IPV6. */
    int number() {
        return number;
    }

    int addressBytes() {
        return addressBytes;
    }

    /** Where the IP header has its source address. */
    int sourceOffset() {
        return sourceOffset;
    }

    int destinationOffset() {
        return destinationOffset;
    }

    /** The number that the {@code nft} program gives to the type of an address, for its listings. */
    int addressType() {
        return addressType;
    }
}

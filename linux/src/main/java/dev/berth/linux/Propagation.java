package dev.berth.linux;

/** Where a mount or unmount below this mount is seen too. */
public enum Propagation {
    /** As it is, or as the source has it. */
    UNCHANGED(0),
    /** Nowhere. */
    PRIVATE(1 << 18),
    /** What its master does is seen here, not the other way round. */
    SLAVE(1 << 19),
    /** In every peer, both ways. */
    SHARED(1 << 20),
    /** Nowhere, and it can't be the source of a bind mount. */
    UNBINDABLE(1 << 17);

    private final int bits;

    Propagation(int bits) {
        this.bits = bits;
    }

    /** {@code MS_PRIVATE} and so on; mount(2) and mount_setattr(2) use the same numbers. */
    int bits() {
        return bits;
    }
}

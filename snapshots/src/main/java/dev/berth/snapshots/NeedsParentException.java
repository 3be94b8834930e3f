package dev.berth.snapshots;

/** Ends the unpacking of a layer by itself, when only its parents tell what an entry means. */
final class NeedsParentException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String why;

    NeedsParentException(String why) {
        super(why, null, false, false);
        this.why = why;
    }

    String why() {
        return why;
    }
}

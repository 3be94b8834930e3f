package dev.berth.daemon;

/** Which Berth this is. */
final class Version {
    /** The version of the build. */
    static final String NUMBER = "0.1.0";

    /** How it names itself to a kubelet. */
    static final String NAME = "berth";

    private Version() {}
}

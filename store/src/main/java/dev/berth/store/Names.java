package dev.berth.store;

import dev.berth.kernel.Fault;

/** Names that clients choose freely: of images, snapshots, leases, ingests. They are never a part of a path. */
final class Names {
    private static final int MAX_LENGTH = 1024;
    private static final int SHOWN = 64;

    private Names() {}

    /** @throws Fault INVALID_ARGUMENT if the name is empty, longer than 1024 characters, or has control characters */
    static String check(String what, String name) {
        if (name.isEmpty()) {
            throw Fault.invalid(what, "its name is empty", "");
        }
        if (name.length() > MAX_LENGTH) {
            throw Fault.invalid(
                    what + " " + name.substring(0, SHOWN) + "…",
                    "its name has " + name.length() + " characters, more than " + MAX_LENGTH,
                    "");
        }
        if (name.chars().anyMatch(Character::isISOControl)) {
            throw Fault.invalid(what, "its name has control characters", "");
        }
        return name;
    }
}

package dev.berth.linux.cgroup;

/**
 * One line of a device list.
 *
 * @param type {@code a} for all, {@code c} or {@code b}
 * @param major -1 for all
 * @param minor -1 for all
 * @param access letters of {@code rwm}
 */
public record DeviceRule(boolean allow, char type, long major, long minor, String access) {
    public DeviceRule {
        if ("abc".indexOf(type) < 0 || !access.matches("[rwm]{1,3}") || major < -1 || minor < -1) {
            throw new IllegalArgumentException("not a device rule: " + type + " " + major + ":" + minor + " " + access);
        }
    }

    /** Nothing is allowed, until a later rule allows it. */
    public static DeviceRule denyAll() {
        return new DeviceRule(false, 'a', -1, -1, "rwm");
    }

    /** Everything is allowed. */
    public static DeviceRule allowAll() {
        return new DeviceRule(true, 'a', -1, -1, "rwm");
    }

    /** The line that version 1 reads. */
    String line() {
        return type == 'a' ? "a" : type + " " + number(major) + ":" + number(minor) + " " + access;
    }

    private static String number(long value) {
        return value == -1 ? "*" : Long.toString(value);
    }
}

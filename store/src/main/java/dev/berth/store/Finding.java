package dev.berth.store;

/**
 * Something that a check has found.
 *
 * @param kind {@code database}, {@code record}, {@code blob}, {@code file} or {@code note}; a note is no reason for concern
 * @param what the thing, as in {@code blob sha256:…}
 * @param why what is wrong with it
 * @param remedy what puts it right
 * @param repaired whether that was done
 */
public record Finding(String kind, String what, String why, String remedy, boolean repaired) {}

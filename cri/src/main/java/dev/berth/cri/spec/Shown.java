package dev.berth.cri.spec;

/** Hostile text as a message may show it: short, in one line. */
final class Shown {
    private static final int MOST = 120;

    private Shown() {}

    static String of(String text) {
        String start = text.length() > MOST ? text.substring(0, MOST) + "…" : text;
        return start.replaceAll("\\p{Cntrl}", "?");
    }
}

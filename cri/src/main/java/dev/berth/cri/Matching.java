package dev.berth.cri;

import java.util.Map;

/** Selection by labels. */
final class Matching {
    private Matching() {}

    /** Whether there is every label that is wanted, with the value that is wanted. */
    static boolean labels(Map<String, String> there, Map<String, String> wanted) {
        return wanted.entrySet().stream().allMatch(label -> label.getValue().equals(there.get(label.getKey())));
    }
}

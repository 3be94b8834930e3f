package dev.berth.daemon.cli;

import java.util.Collection;
import java.util.Optional;

/** What somebody may have meant who has written something else. */
public final class Suggestion {
    private static final int TOO_FAR = 4;

    private Suggestion() {}

    /** The candidate that is nearest to a word, if any is near. */
    public static Optional<String> nearest(String word, Collection<String> candidates) {
        Optional<String> best = Optional.empty();
        int smallest = Math.min(TOO_FAR, word.length());
        for (String candidate : candidates) {
            int distance = distance(word, candidate);
            if (distance < smallest) {
                smallest = distance;
                best = Optional.of(candidate);
            }
        }
        return best;
    }

    /** Number of letters to change, insert or drop. */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int above = row[j];
                int change = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                row[j] = Math.min(change, 1 + Math.min(above, row[j - 1]));
                diagonal = above;
            }
        }
        return row[b.length()];
    }
}

package dev.berth.snapshots;

import dev.berth.kernel.Fault;
import dev.berth.store.SnapshotRecord;
import java.util.ArrayList;
import java.util.List;

/** What a snapshot's labels say of a user namespace: each a list of {@code INSIDE:OUTSIDE:LENGTH}. */
final class IdMap {
    private static final String OPTION_OF_USERS = "uidmap=";
    private static final String OPTION_OF_GROUPS = "gidmap=";

    private final String users;
    private final String groups;

    private IdMap(String users, String groups) {
        this.users = users;
        this.groups = groups;
    }

    static IdMap of(SnapshotRecord snapshot) {
        return new IdMap(
                snapshot.labels().getOrDefault(Snapshotter.USERS, ""),
                snapshot.labels().getOrDefault(Snapshotter.GROUPS, ""));
    }

    boolean isEmpty() {
        return users.isEmpty() || groups.isEmpty();
    }

    /** The options of a mount that say it on. */
    List<String> options() {
        return isEmpty() ? List.of() : List.of(OPTION_OF_USERS + users, OPTION_OF_GROUPS + groups);
    }

    /** The given options and these. */
    List<String> with(List<String> options) {
        List<String> all = new ArrayList<>(options);
        all.addAll(options());
        return all;
    }

    /**
     * The node's user for one of the image's.
     *
     * @throws Fault INVALID_ARGUMENT if it has none, or the label is malformed
     */
    long user(long inside) {
        return outside(users, inside);
    }

    /** The same for groups. */
    long group(long inside) {
        return outside(groups, inside);
    }

    private static long outside(String ranges, long inside) {
        try {
            for (String range : ranges.split(",", -1)) {
                String[] words = range.split(":", 3);
                long offset = inside - Long.parseLong(words[0]);
                if (offset >= 0 && offset < Long.parseLong(words[2])) {
                    return Long.parseLong(words[1]) + offset;
                }
            }
        } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
            throw Fault.invalid(
                            "map ids as \"" + ranges + "\" says",
                            "it is not made of INSIDE:OUTSIDE:LENGTH",
                            "Correct the snapshot's label")
                    .causedBy(e);
        }
        throw Fault.invalid(
                "make a layer for a user namespace",
                "the image's root directory belongs to " + inside + ", which is not among " + ranges,
                "Map more ids");
    }
}

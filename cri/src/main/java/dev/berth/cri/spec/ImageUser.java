package dev.berth.cri.spec;

import java.util.List;

/**
 * Who a container's process is, in numbers.
 *
 * @param groups all of its groups, its own first
 */
public record ImageUser(long uid, long gid, List<Long> groups) {
    /** Root and nothing else. */
    public static final ImageUser ROOT = new ImageUser(0, 0, List.of(0L));

    public ImageUser {
        groups = List.copyOf(groups);
    }
}

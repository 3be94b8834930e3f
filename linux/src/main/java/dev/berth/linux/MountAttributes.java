package dev.berth.linux;

import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A change of a mount's properties, applied by mount_setattr(2).
 *
 * @param set flags that are on afterwards
 * @param clear flags that are off afterwards
 * @param propagation the propagation type afterwards
 * @param idmap a user namespace whose ID mapping the mount takes on; only for a detached mount that has none yet, on a
 *     file system that can do it (overlay can't, its layers can)
 */
public record MountAttributes(
        Set<MountFlag> set,
        Set<MountFlag> clear,
        Propagation propagation,
        @Nullable Fd idmap) {
    private static final MountAttributes NOTHING = new MountAttributes(Set.of(), Set.of(), Propagation.UNCHANGED, null);

    public MountAttributes {
        set = Set.copyOf(set);
        clear = Set.copyOf(clear);
    }

    /** Changes nothing: the start of a chain. */
    public static MountAttributes nothing() {
        return NOTHING;
    }

    /** The same change that also sets these flags. */
    public MountAttributes with(MountFlag... flags) {
        Set<MountFlag> more = EnumSet.noneOf(MountFlag.class);
        more.addAll(set);
        more.addAll(Set.of(flags));
        return new MountAttributes(more, clear, propagation, idmap);
    }

    /** The same change that also clears these flags. */
    public MountAttributes without(MountFlag... flags) {
        Set<MountFlag> more = EnumSet.noneOf(MountFlag.class);
        more.addAll(clear);
        more.addAll(Set.of(flags));
        return new MountAttributes(set, more, propagation, idmap);
    }

    /** The same change with a propagation type. */
    public MountAttributes with(Propagation type) {
        return new MountAttributes(set, clear, type, idmap);
    }

    /** The same change with the ID mapping of a user namespace. */
    public MountAttributes idmappedBy(Fd userNamespace) {
        return new MountAttributes(set, clear, propagation, userNamespace);
    }
}

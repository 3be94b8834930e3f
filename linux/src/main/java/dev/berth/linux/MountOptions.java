package dev.berth.linux;

import dev.berth.linux.UserNamespace.IdRange;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The words of mount(8) sorted into what each is about: the mount, its propagation, or the file system. */
final class MountOptions {
    private static final Map<String, MountFlag> SETS = Map.of(
            "ro", MountFlag.READ_ONLY,
            "nosuid", MountFlag.NO_SUID,
            "nodev", MountFlag.NO_DEV,
            "noexec", MountFlag.NO_EXEC,
            "nosymfollow", MountFlag.NO_SYMLINK_FOLLOW,
            "noatime", MountFlag.NO_ATIME,
            "strictatime", MountFlag.STRICT_ATIME,
            "nodiratime", MountFlag.NO_DIR_ATIME);
    private static final Map<String, MountFlag> CLEARS = Map.of(
            "rw", MountFlag.READ_ONLY,
            "suid", MountFlag.NO_SUID,
            "dev", MountFlag.NO_DEV,
            "exec", MountFlag.NO_EXEC,
            "symfollow", MountFlag.NO_SYMLINK_FOLLOW,
            "atime", MountFlag.NO_ATIME,
            "nostrictatime", MountFlag.STRICT_ATIME,
            "diratime", MountFlag.NO_DIR_ATIME);
    private static final String UIDS = "uidmap=";
    private static final String GIDS = "gidmap=";
    private static final Map<String, Propagation> PROPAGATIONS = Map.of(
            "private", Propagation.PRIVATE,
            "slave", Propagation.SLAVE,
            "shared", Propagation.SHARED,
            "unbindable", Propagation.UNBINDABLE);

    private final String type;
    private final String source;
    private final Set<MountFlag> flags = EnumSet.noneOf(MountFlag.class);
    private final List<IdRange> uids = new ArrayList<>();
    private final List<IdRange> gids = new ArrayList<>();
    private final List<String> data = new ArrayList<>();
    private Propagation propagation = Propagation.UNCHANGED;
    private boolean bind;
    private boolean recursive;
    private boolean recursiveFlags;

    private MountOptions(String type, String source) {
        this.type = type;
        this.source = source;
    }

    static MountOptions parse(String type, String source, List<String> options) throws LinuxException {
        MountOptions parsed = new MountOptions(type, source);
        parsed.bind = type.equals("bind");
        for (String option : options) {
            parsed.add(option);
        }
        return parsed;
    }

    private void add(String option) throws LinuxException {
        MountFlag set = SETS.get(option);
        MountFlag clear = CLEARS.get(option);
        String once = option.startsWith("r") ? option.substring(1) : option;
        if (set != null) {
            flags.add(set);
        } else if (clear != null) {
            flags.remove(clear);
        } else if (option.equals("rro")) {
            flags.add(MountFlag.READ_ONLY);
            recursiveFlags = true;
        } else if (option.equals("bind") || option.equals("rbind")) {
            bind = true;
            recursive |= option.equals("rbind");
        } else if (PROPAGATIONS.containsKey(option)) {
            propagation = PROPAGATIONS.get(option);
        } else if (PROPAGATIONS.containsKey(once)) {
            propagation = PROPAGATIONS.get(once);
        } else if (option.startsWith(UIDS)) {
            uids.addAll(IdRange.parse(option.substring(UIDS.length())));
        } else if (option.startsWith(GIDS)) {
            gids.addAll(IdRange.parse(option.substring(GIDS.length())));
        } else if (!option.equals("relatime") && !option.equals("defaults") && !option.startsWith("X-")) {
            data.add(option);
        }
    }

    /** @param ids a user namespace that maps as the options say; null to make one if they say anything of it */
    DetachedMount mount(@Nullable Fd ids) throws IOException, InterruptedException {
        if (uids.isEmpty() && gids.isEmpty()) {
            return mounted(null);
        }
        if (ids != null) {
            return mounted(ids);
        }
        try (UserNamespace made = UserNamespace.create(uids, gids, Set.of())) {
            return mounted(made.get(Namespaces.Kind.USER));
        }
    }

    private DetachedMount mounted(@Nullable Fd ids) throws IOException, InterruptedException {
        if (bind) {
            if (!data.isEmpty()) {
                throw new LinuxException("bind mount " + source + " with " + String.join(",", data), Errno.EINVAL);
            }
            return withAttributes(Mounts.bind(Path.of(source), recursive), ids);
        }
        if (type.equals("overlay")) {
            return withAttributes(ids == null ? Mounts.overlay(overlay()) : Overlays.idmapped(overlay(), ids), null);
        }
        if (ids != null) {
            throw new LinuxException("map the ids of a new " + type, Errno.EINVAL);
        }
        return withAttributes(Mounts.filesystem(type, source.isEmpty() ? type : source, data, Set.of()), null);
    }

    private DetachedMount withAttributes(DetachedMount mount, @Nullable Fd ids) throws LinuxException {
        try {
            if (ids != null) {
                mount.setattr(MountAttributes.nothing().idmappedBy(ids), false);
            }
            if (!flags.isEmpty()) {
                MountAttributes set = MountAttributes.nothing().with(flags.toArray(MountFlag[]::new));
                mount.setattr(set, recursiveFlags);
            }
            if (propagation != Propagation.UNCHANGED) {
                mount.setattr(MountAttributes.nothing().with(propagation), recursive);
            }
            return mount;
        } catch (LinuxException e) {
            mount.close();
            throw e;
        }
    }

    private OverlayMount overlay() throws LinuxException {
        List<Path> lower = new ArrayList<>();
        List<String> rest = new ArrayList<>();
        Path upper = null;
        Path work = null;
        for (String option : data) {
            if (option.startsWith("lowerdir=")) {
                splitLayers(option.substring("lowerdir=".length()), lower);
            } else if (option.startsWith("lowerdir+=")) {
                lower.add(Path.of(option.substring("lowerdir+=".length())));
            } else if (option.startsWith("upperdir=")) {
                upper = Path.of(option.substring("upperdir=".length()));
            } else if (option.startsWith("workdir=")) {
                work = Path.of(option.substring("workdir=".length()));
            } else {
                rest.add(option);
            }
        }
        return overlay(lower, upper, work, rest);
    }

    private static OverlayMount overlay(List<Path> lower, @Nullable Path upper, @Nullable Path work, List<String> rest)
            throws LinuxException {
        try {
            if (upper == null || work == null) {
                return new OverlayMount(lower, null, rest);
            }
            return new OverlayMount(lower, new OverlayMount.Upper(upper, work), rest);
        } catch (IllegalArgumentException e) {
            LinuxException refused = new LinuxException("mount overlay: " + e.getMessage(), Errno.EINVAL);
            refused.initCause(e);
            throw refused;
        }
    }

    /** Splits at colons; a backslash takes the next character as it is. */
    private static void splitLayers(String value, List<Path> layers) {
        var name = new StringBuilder();
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '\\' && i + 1 < value.length()) {
                i++;
                name.append(value.charAt(i));
            } else if (c == ':') {
                layers.add(Path.of(name.toString()));
                name.setLength(0);
            } else {
                name.append(c);
            }
        }
        layers.add(Path.of(name.toString()));
    }
}

package dev.berth.cri.spec;

import dev.berth.cri.config.ContainerConfig.ContainerSecurity;
import dev.berth.cri.config.GroupsPolicy;
import dev.berth.kernel.Fault;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Who the process of a container is: the request's user or else the image's, with groups from the image's own files and
 * from the request.
 *
 * <p>A word that cannot be understood is an error and never root: a number out of range is not looked up as a name, and a
 * line with a bad number does not count as zero.
 */
public final class Users {
    private static final int MOST_BYTES = 8 << 20;
    private static final int MOST_GROUPS = 65_536; // the kernel's own limit
    private static final long MOST_ID = Integer.MAX_VALUE;
    private static final Pattern DIGITS = Pattern.compile("[0-9]+");
    private static final Pattern NAME = Pattern.compile("[^:\\s\\p{Cntrl}/]{1,255}");

    private final ImageFiles files;

    /** @param files the image's root */
    public Users(ImageFiles files) {
        this.files = files;
    }

    /** A line of passwd. */
    private record Account(String name, long uid, long gid) {}

    /** What was asked for: each part a name or a number, empty if not said. */
    private record Wanted(String user, String group) {}

    /**
     * Finds out who it is.
     *
     * @param security null if the request says nothing
     * @param imageUser the image's USER, as written there
     * @throws Fault INVALID_ARGUMENT if the user or group does not exist, is out of range, or is only half said
     */
    public ImageUser find(@Nullable ContainerSecurity security, String imageUser) {
        Wanted wanted = wanted(security, imageUser);
        Account account = account(wanted.user());
        long gid = wanted.group().isEmpty() ? account.gid() : group(wanted.group());
        Set<Long> groups = new LinkedHashSet<>();
        groups.add(gid);
        if (security == null || security.supplementalGroupsPolicy() == GroupsPolicy.MERGE) {
            groups.addAll(memberOf(account.name()));
        }
        for (long each : security == null ? List.<Long>of() : security.supplementalGroups()) {
            groups.add(inRange("supplemental group", each));
        }
        if (groups.size() > MOST_GROUPS) {
            throw Fault.invalid(
                    "user of the container",
                    "it is in more than " + MOST_GROUPS + " groups",
                    "Name fewer, or mend the image's group file");
        }
        return new ImageUser(account.uid(), gid, List.copyOf(groups));
    }

    private static Wanted wanted(@Nullable ContainerSecurity security, String imageUser) {
        if (security != null) {
            Long uid = security.runAsUser();
            Long gid = security.runAsGroup();
            String name = security.runAsUsername();
            boolean named = !name.isEmpty();
            if (named || uid != null) {
                String user = named ? name : Long.toString(inRange("user", java.util.Objects.requireNonNull(uid)));
                return new Wanted(user, gid == null ? "" : Long.toString(inRange("group", gid)));
            }
            if (gid != null) {
                throw Fault.invalid("user of the container", "a group is given without a user", "Give runAsUser too");
            }
        }
        if (imageUser.isEmpty()) {
            return new Wanted("0", "");
        }
        int colon = imageUser.indexOf(':');
        String user = colon < 0 ? imageUser : imageUser.substring(0, colon);
        String group = colon < 0 ? "" : imageUser.substring(colon + 1);
        if (user.isEmpty() || (colon >= 0 && group.isEmpty())) {
            throw bad("user", imageUser, "it is only half said");
        }
        return new Wanted(user, group);
    }

    /** A number needs no line in passwd; a name does. */
    private Account account(String user) {
        boolean numeric = DIGITS.matcher(user).matches();
        long number = numeric ? number("user", user) : -1;
        if (!numeric && !NAME.matcher(user).matches()) {
            throw bad("user", user, "it is neither a name nor a number");
        }
        for (String[] line : lines("/etc/passwd")) {
            if (line.length < 4 || !(numeric ? isNumber(line[2], number) : line[0].equals(user))) {
                continue;
            }
            return new Account(line[0], number("user in passwd", line[2]), number("group in passwd", line[3]));
        }
        if (!numeric) {
            throw bad("user", user, "the image's /etc/passwd has no such name");
        }
        return new Account("", number, 0);
    }

    private long group(String group) {
        if (DIGITS.matcher(group).matches()) {
            return number("group", group);
        }
        if (NAME.matcher(group).matches()) {
            for (String[] line : lines("/etc/group")) {
                if (line.length >= 3 && line[0].equals(group)) {
                    return number("group in /etc/group", line[2]);
                }
            }
        }
        throw bad("group", group, "the image's /etc/group has no such name");
    }

    private List<Long> memberOf(String name) {
        List<Long> groups = new ArrayList<>();
        if (name.isEmpty()) {
            return groups;
        }
        for (String[] line : lines("/etc/group")) {
            if (line.length >= 4 && List.of(line[3].split(",", -1)).contains(name)) {
                groups.add(number("group in /etc/group", line[2]));
            }
        }
        return groups;
    }

    /** The lines of a user database, each cut at its colons; lines that are comments or from other databases are left out. */
    private List<String[]> lines(String path) {
        byte[] content = files.read(path, MOST_BYTES);
        if (content == null) {
            return List.of();
        }
        return new String(content, StandardCharsets.UTF_8)
                .lines()
                .map(String::strip)
                .filter(l -> !l.isEmpty() && "#+-".indexOf(l.charAt(0)) < 0)
                .map(l -> l.split(":", -1))
                .toList();
    }

    private static boolean isNumber(String text, long number) {
        return DIGITS.matcher(text).matches() && text.length() <= 10 && Long.parseLong(text) == number;
    }

    private static long number(String what, String text) {
        if (!DIGITS.matcher(text).matches() || text.length() > 10) {
            throw bad(what, text, "it is not a number from 0 to " + MOST_ID);
        }
        return inRange(what, Long.parseLong(text));
    }

    private static long inRange(String what, long id) {
        if (id < 0 || id > MOST_ID) {
            throw bad(what, Long.toString(id), "it is not from 0 to " + MOST_ID);
        }
        return id;
    }

    private static Fault bad(String what, String text, String why) {
        return Fault.invalid(
                "user of the container",
                what + " \"" + Shown.of(text) + "\": " + why,
                "Give a user and group that the image has, or numbers");
    }
}

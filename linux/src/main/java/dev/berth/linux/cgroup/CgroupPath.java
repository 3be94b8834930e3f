package dev.berth.linux.cgroup;

import dev.berth.kernel.Fault;
import java.util.regex.Pattern;

/** The two ways to name a cgroup in an OCI spec, and the path below the hierarchy's root that both mean. */
public final class CgroupPath {
    private static final Pattern PART = Pattern.compile("[^/\\p{Cntrl}]{1,255}");
    private static final Pattern UNIT = Pattern.compile("[A-Za-z0-9:_.\\\\@-]{1,255}");
    private static final int MAX_LENGTH = 4000;

    private CgroupPath() {}

    /**
     * The path of a cgroup given in either form: {@code /a/b} as it stands, {@code slice:prefix:name} as systemd lays out
     * its units.
     *
     * @throws Fault INVALID_ARGUMENT if it could leave the hierarchy or is not a name of systemd's
     */
    public static String resolve(String cgroupsPath) {
        return isSystemd(cgroupsPath) ? ofSystemd(cgroupsPath) : check(cgroupsPath);
    }

    /** Whether the form is {@code slice:prefix:name}. */
    public static boolean isSystemd(String cgroupsPath) {
        return !cgroupsPath.startsWith("/")
                && cgroupsPath.chars().filter(c -> c == ':').count() == 2;
    }

    /**
     * The directory of a slice: each dash is a level, so {@code a-b.slice} lies at {@code /a.slice/a-b.slice}. An empty
     * name is {@code system.slice}, {@code -.slice} the root.
     */
    public static String ofSlice(String slice) {
        String name = slice.isEmpty() ? "system.slice" : slice;
        if (name.equals("-.slice")) {
            return "/";
        }
        String stem = name.endsWith(".slice") ? name.substring(0, name.length() - ".slice".length()) : "";
        if (!UNIT.matcher(name).matches()
                || stem.isEmpty()
                || stem.startsWith("-")
                || stem.endsWith("-")
                || stem.contains("--")) {
            throw bad(slice, "is not the name of a systemd slice");
        }
        var path = new StringBuilder();
        for (int dash = stem.indexOf('-'); dash >= 0; dash = stem.indexOf('-', dash + 1)) {
            path.append('/').append(stem, 0, dash).append(".slice");
        }
        return path.append('/').append(name).toString();
    }

    private static String ofSystemd(String form) {
        int first = form.indexOf(':');
        int second = form.indexOf(':', first + 1);
        String prefix = form.substring(first + 1, second);
        String name = form.substring(second + 1);
        String unit =
                name.endsWith(".slice") ? name : prefix.isEmpty() ? name + ".scope" : prefix + "-" + name + ".scope";
        if (name.isEmpty() || !UNIT.matcher(unit).matches()) {
            throw bad(form, "is not slice:prefix:name");
        }
        String slice = ofSlice(form.substring(0, first));
        return slice.equals("/") ? "/" + unit : slice + "/" + unit;
    }

    private static String check(String path) {
        if (!path.startsWith("/") || path.length() > MAX_LENGTH) {
            throw bad(path, "is neither an absolute path nor slice:prefix:name");
        }
        var clean = new StringBuilder();
        for (String part : path.split("/", -1)) {
            if (part.isEmpty() || part.equals(".")) {
                continue;
            }
            if (part.equals("..") || !PART.matcher(part).matches()) {
                throw bad(path, "has a part that cannot be the name of a cgroup");
            }
            clean.append('/').append(part);
        }
        return clean.isEmpty() ? "/" : clean.toString();
    }

    private static Fault bad(String path, String why) {
        String shown = path.length() > 200 ? path.substring(0, 200) + "…" : path;
        return Fault.invalid("cgroup path", "\"" + shown.replaceAll("\\p{Cntrl}", "?") + "\" " + why, "");
    }
}

package dev.berth.shim.runtime;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An OCI runtime found on this machine.
 *
 * @param name how clients call it: crun, runc, or a name of the config
 * @param kind whose command line and habits it has
 * @param path absolute
 * @param version as it prints it, without its own name
 */
public record RuntimeProgram(String name, Kind kind, Path path, String version) {
    /** Families of runtimes that differ in what we use of them, with the oldest version without known holes. */
    public enum Kind {
        CRUN("1.8.1"),
        RUNC("1.1.5"),
        /** Speaks the common part of the command line only. */
        OTHER("0");

        private final String minimum;

        Kind(String minimum) {
            this.minimum = minimum;
        }

        public String minimum() {
            return minimum;
        }
    }

    private static final Pattern VERSION = Pattern.compile("(?i)^(\\S+) version v?(\\d+(?:\\.\\d+)*)(\\S*)");

    public RuntimeProgram {
        if (!path.isAbsolute()) {
            throw new IllegalArgumentException("not an absolute path: " + path);
        }
    }

    /** The program that printed this when asked for its version; empty if that is no version. */
    static Optional<RuntimeProgram> recognise(String name, Path path, String printed) {
        Matcher line = VERSION.matcher(printed.strip());
        if (!line.find()) {
            return Optional.empty();
        }
        Kind kind = switch (line.group(1).toLowerCase(Locale.ROOT)) {
            case "crun" -> Kind.CRUN;
            case "runc" -> Kind.RUNC;
            default -> Kind.OTHER;
        };
        return Optional.of(new RuntimeProgram(name, kind, path, line.group(2) + line.group(3)));
    }

    /** True if this version is not older than its family's minimum. */
    boolean isRecentEnough() {
        return compare(version, kind.minimum()) >= 0;
    }

    /**
     * True if it finds out itself what a user namespace maps that it joins, and refuses to be told. runc from 1.2 on does not
     * find it out where the namespace's path is no process's, but needs it for nothing then.
     */
    public boolean refusesMappings() {
        return kind == Kind.RUNC && compare(version, "1.2") >= 0;
    }

    /** Compares the leading numbers of two versions; what follows them, as in 1.1.5+ds1, does not count. */
    private static int compare(String left, String right) {
        String[] a = left.split("[^0-9]+", -1);
        String[] b = right.split("[^0-9]+", -1);
        for (int i = 0; i < b.length; i++) {
            int difference = Integer.compare(number(a, i), number(b, i));
            if (difference != 0) {
                return difference;
            }
        }
        return 0;
    }

    private static int number(String[] parts, int index) {
        return index < parts.length && !parts[index].isEmpty() ? Integer.parseInt(parts[index]) : 0;
    }
}

package dev.berth.cri.spec;

import dev.berth.kernel.Fault;
import dev.berth.linux.Dir;
import dev.berth.linux.Errno;
import dev.berth.linux.FileType;
import dev.berth.linux.LinuxException;
import dev.berth.linux.Platform;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;

/** Gives files of the node the SELinux label under which a container may use them, with all that is below a directory. */
final class Relabelling {
    private static final byte[] ATTRIBUTE = "security.selinux".getBytes(StandardCharsets.US_ASCII);
    private static final int DEEPEST = 1000;

    /** Other labels there would lock the node's own programs out. */
    private static final Set<Path> NEVER = Set.of(
            Path.of("/"),
            Path.of("/bin"),
            Path.of("/boot"),
            Path.of("/dev"),
            Path.of("/etc"),
            Path.of("/etc/passwd"),
            Path.of("/etc/pki"),
            Path.of("/etc/shadow"),
            Path.of("/home"),
            Path.of("/lib"),
            Path.of("/lib64"),
            Path.of("/media"),
            Path.of("/opt"),
            Path.of("/proc"),
            Path.of("/root"),
            Path.of("/run"),
            Path.of("/sbin"),
            Path.of("/srv"),
            Path.of("/sys"),
            Path.of("/tmp"),
            Path.of("/usr"),
            Path.of("/var"),
            Path.of("/var/lib"),
            Path.of("/var/log"));

    private final byte[] label;

    private Relabelling(String label) {
        this.label = label.getBytes(StandardCharsets.UTF_8);
    }

    /**
     * Does it. What has the label, and what is on a file system without labels, is left as it is; links are labelled, not followed.
     *
     * @param real without links
     * @throws Fault INVALID_ARGUMENT for a directory of the node itself; FAILED_PRECONDITION if it cannot be done
     */
    static void of(Path real, String label) {
        String what = "give volume " + Shown.of(real.toString()) + " the label " + label;
        if (NEVER.contains(real)) {
            throw Fault.invalid(what, "the node's own programs need it as it is", "Mount a directory below it");
        }
        try {
            Platform.call(what, () -> {
                new Relabelling(label).whole(real);
                return "";
            });
        } catch (IOException e) {
            throw Fault.precondition(
                            what,
                            String.valueOf(e.getMessage()),
                            "Put the volume on a file system that keeps labels, or do not ask for them")
                    .causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Fault.of(Fault.Code.CANCELLED, what, "the call was given up", "");
        }
    }

    private void whole(Path real) throws IOException {
        if (Files.isDirectory(real)) {
            try (Dir directory = Dir.open(real)) {
                below(directory, DEEPEST);
            }
            return;
        }
        Path parent = real.getParent();
        Path name = real.getFileName();
        if (parent != null && name != null) {
            try (Dir directory = Dir.open(parent)) {
                one(directory, name.toString().getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    private void below(Dir directory, int levels) throws IOException {
        if (levels == 0) {
            throw new IOException("it has more than " + DEEPEST + " directories in each other");
        }
        if (!Arrays.equals(label, directory.xattr(ATTRIBUTE))) {
            forgiving(() -> directory.setXattr(ATTRIBUTE, label));
        }
        directory.forEach(entry -> {
            if (entry.type() == FileType.DIRECTORY || isDirectory(directory, entry)) {
                forgiving(() -> {
                    try (Dir inner = directory.openDir(entry.name(), Dir.Resolve.NO_LINKS)) {
                        below(inner, levels - 1);
                    }
                });
            } else {
                one(directory, entry.name());
            }
        });
    }

    /** Some file systems do not tell in their lists. */
    private static boolean isDirectory(Dir directory, Dir.Entry entry) throws LinuxException {
        var stat = entry.type() == FileType.UNKNOWN ? directory.find(entry.name()) : null;
        return stat != null && stat.type() == FileType.DIRECTORY;
    }

    private void one(Dir directory, byte[] name) throws IOException {
        forgiving(() -> {
            if (!Arrays.equals(label, directory.xattr(name, ATTRIBUTE))) {
                directory.setXattr(name, ATTRIBUTE, label);
            }
        });
    }

    private interface Step {
        void run() throws IOException;
    }

    /** Somebody may remove files meanwhile, and not every file system has labels. */
    private static void forgiving(Step step) throws IOException {
        try {
            step.run();
        } catch (LinuxException e) {
            if (!e.is(Errno.ENOENT) && !e.is(Errno.EOPNOTSUPP)) {
                throw e;
            }
        }
    }
}

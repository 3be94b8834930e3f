package dev.berth.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A user namespace, and other namespaces that it owns, held open.
 *
 * <p>A thread of a process with several threads can't make one, so a short-lived child does: {@code unshare(1)} of
 * util-linux, running {@code cat}. That it answers one byte says that the namespaces are there; its end comes with the
 * closing of its standard input, also if this process dies.
 */
public final class UserNamespace implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Map<Namespaces.Kind, String> OPTIONS = Map.of(
            Namespaces.Kind.IPC, "--ipc",
            Namespaces.Kind.UTS, "--uts",
            Namespaces.Kind.NET, "--net",
            Namespaces.Kind.CGROUP, "--cgroup",
            Namespaces.Kind.MOUNT, "--mount");

    /**
     * A range of IDs.
     *
     * @param inside the first ID in the namespace
     * @param outside the first ID that it stands for in ours
     * @param length how many
     */
    public record IdRange(long inside, long outside, long length) {
        public IdRange {
            if (inside < 0 || outside < 0 || length < 1 || inside + length > 1L << 32 || outside + length > 1L << 32) {
                throw new IllegalArgumentException("not a range of IDs: " + inside + " " + outside + " " + length);
            }
        }

        /**
         * Reads ranges as mount options have them.
         *
         * @param text {@code INSIDE:OUTSIDE:LENGTH}, several with commas between
         * @throws LinuxException EINVAL if it is not that
         */
        static List<IdRange> parse(String text) throws LinuxException {
            try {
                List<IdRange> ranges = new ArrayList<>();
                for (String each : text.split(",", -1)) {
                    String[] words = each.split(":", 3);
                    ranges.add(
                            new IdRange(Long.parseLong(words[0]), Long.parseLong(words[1]), Long.parseLong(words[2])));
                }
                return ranges;
            } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
                LinuxException refused = new LinuxException("map ids as \"" + text + "\" says", Errno.EINVAL);
                refused.initCause(e);
                throw refused;
            }
        }
    }

    private final Map<Namespaces.Kind, Fd> open;

    private UserNamespace(Map<Namespaces.Kind, Fd> open) {
        this.open = open;
    }

    /**
     * Makes one. Takes a few milliseconds.
     *
     * @param others what else to make below it: IPC, UTS, NET, CGROUP, MOUNT
     * @throws LinuxException EINVAL if the kernel does not accept the ranges; ENOENT if there is no unshare(1)
     */
    public static UserNamespace create(List<IdRange> uids, List<IdRange> gids, Set<Namespaces.Kind> others)
            throws IOException, InterruptedException {
        List<String> argv = new ArrayList<>(List.of("unshare", "--user"));
        for (Namespaces.Kind kind : others) {
            String option = OPTIONS.get(kind);
            if (option == null) {
                throw new IllegalArgumentException("no " + kind + " namespace can be made with a user namespace");
            }
            argv.add(option);
        }
        argv.addAll(List.of("--", "/bin/cat"));
        try (Pipe toChild = Pipe.openBlocking();
                Pipe fromChild = Pipe.openBlocking();
                Child child = Child.command(Path.of("/usr/bin/unshare"), argv)
                        .stdio(toChild.reader(), fromChild.writer(), null)
                        .spawn()) {
            toChild.reader().close();
            fromChild.writer().close();
            try {
                awaitNamespaces(toChild, fromChild);
                map(child.pid(), "uid_map", uids);
                map(child.pid(), "gid_map", gids);
                return open(child.pid(), others);
            } finally {
                toChild.writer().close();
                reap(child);
            }
        }
    }

    /**
     * Writes into a file as root of a user namespace. The kernel's settings of an IPC namespace that one owns belong to its
     * root: ours may not change them.
     *
     * @param others namespaces in which the file means what it shall, of the kinds that {@link #create} makes
     * @throws LinuxException EINVAL if the kernel refuses it
     */
    public static void write(Fd user, Map<Namespaces.Kind, Fd> others, Path file, String text)
            throws IOException, InterruptedException {
        long self = ProcessHandle.current().pid();
        List<String> argv = new ArrayList<>(List.of("nsenter", "--user=" + user.procPathFor(self)));
        others.forEach((kind, fd) -> argv.add(OPTIONS.get(kind) + "=" + fd.procPathFor(self)));
        argv.addAll(List.of("--", "/usr/bin/tee", "--", file.toString()));
        try (Pipe toChild = Pipe.openBlocking();
                Child child = Child.command(Path.of("/usr/bin/nsenter"), argv)
                        .stdio(toChild.reader(), null, null)
                        .spawn()) {
            toChild.reader().close();
            toChild.writer().write(text.getBytes(StandardCharsets.UTF_8)); // a pipe holds more than any such value
            toChild.writer().close();
            Optional<ExitStatus> end = child.await(PATIENCE);
            if (end.isEmpty()) {
                child.kill();
                child.await(PATIENCE);
            }
            if (end.isEmpty() || !end.get().isSuccess()) {
                throw new LinuxException("write \"" + text + "\" into " + file, Errno.EINVAL);
            }
        }
    }

    private static void awaitNamespaces(Pipe toChild, Pipe fromChild) throws IOException, InterruptedException {
        byte[] one = {'\n'};
        toChild.writer().write(one);
        if (!Poller.awaitReadable(fromChild.reader(), PATIENCE)) {
            throw new LinuxException("make a user namespace", Errno.EAGAIN);
        }
        if (fromChild.reader().read(one) < 1) {
            throw new LinuxException("make a user namespace: unshare(1) failed", Errno.EPERM);
        }
    }

    /** The kernel takes the whole map in one write. */
    private static void map(int pid, String file, List<IdRange> ranges) throws IOException {
        var text = new StringBuilder();
        for (IdRange range : ranges) {
            text.append(range.inside()).append(' ').append(range.outside()).append(' ');
            text.append(range.length()).append('\n');
        }
        Path target = Path.of("/proc/" + pid + "/" + file);
        try {
            Files.write(target, text.toString().getBytes(StandardCharsets.US_ASCII), StandardOpenOption.WRITE);
        } catch (IOException e) {
            LinuxException refused = new LinuxException("map IDs " + ranges + " in " + target, Errno.EINVAL);
            refused.initCause(e);
            throw refused;
        }
    }

    private static UserNamespace open(int pid, Set<Namespaces.Kind> others) throws LinuxException {
        Map<Namespaces.Kind, Fd> open = new EnumMap<>(Namespaces.Kind.class);
        UserNamespace made = new UserNamespace(open);
        try {
            open.put(Namespaces.Kind.USER, Namespaces.openOf(pid, Namespaces.Kind.USER));
            for (Namespaces.Kind kind : others) {
                open.put(kind, Namespaces.openOf(pid, kind));
            }
            return made;
        } catch (LinuxException e) {
            made.close();
            throw e;
        }
    }

    private static void reap(Child child) throws LinuxException, InterruptedException {
        if (child.await(PATIENCE).isEmpty()) {
            child.kill();
            child.await(PATIENCE);
        }
    }

    /** The namespace of a kind, USER included; it stays this object's. */
    public Fd get(Namespaces.Kind kind) {
        Fd fd = open.get(kind);
        if (fd == null) {
            throw new IllegalArgumentException("no " + kind + " namespace was made with this user namespace");
        }
        return fd;
    }

    /** Lets go of all of them. What is pinned or in use lives on. */
    @Override
    public void close() {
        open.values().forEach(Fd::close);
    }
}

package dev.berth.verify;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What there is on the machine of the kinds that a container runtime makes; {@link Leaks} compares two of them. */
final class Inventory {
    /** Names of folders and links that tests and the program itself give. */
    static final Pattern OURS = Pattern.compile("(bt[a-z0-9-]+|berth[a-z0-9-]*).*");

    private static final Path PROC = Path.of("/proc");
    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");
    private static final Set<String> OFF_LIMITS = Set.of("process_api");

    enum Kind {
        MOUNT,
        FOREIGN_MOUNT,
        PROCESS,
        LINK,
        NETNS,
        NFT,
        IPTABLES,
        CGROUP,
        SOCKET_FILE,
        FOLDER,
        LEASE,
        LOOP,
        SHM,
        SYSV,
        ABSTRACT_SOCKET
    }

    /**
     * One thing that exists.
     *
     * @param text what it is, the same each time one looks
     * @param marks more that tells whose it is
     */
    record Fact(Kind kind, String text, String marks) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Fact it && it.kind == kind && it.text.equals(text);
        }

        @Override
        public int hashCode() {
            return text.hashCode();
        }

        @Override
        public String toString() {
            return kind + " " + text;
        }
    }

    private final Set<Fact> facts = new LinkedHashSet<>();

    private Inventory() {}

    static Set<Fact> take() {
        var inventory = new Inventory();
        inventory.mounts();
        inventory.processes();
        inventory.network();
        inventory.cgroups();
        inventory.files();
        inventory.devices();
        return inventory.facts;
    }

    private void add(Kind kind, String text) {
        facts.add(new Fact(kind, text, ""));
    }

    private void mounts() {
        mountTable("self").forEach(text -> add(Kind.MOUNT, text));
    }

    /** Root, target, type and source; the numbers before them differ from one to the next. */
    private static List<String> mountTable(String process) {
        return Berth.read(PROC.resolve(process).resolve("mountinfo"))
                .lines()
                .map(line -> line.split(" - ", 2))
                .map(halves -> halves[0].split(" ", 6)[3] + " on " + halves[0].split(" ", 6)[4] + " " + halves[1])
                .toList();
    }

    private void processes() {
        Set<String> tables = new HashSet<>(Set.of(link(PROC.resolve("self/ns/mnt"))));
        long self = ProcessHandle.current().pid();
        ProcessHandle.allProcesses().filter(it -> it.pid() != self).forEach(process -> {
            String pid = Long.toString(process.pid());
            Path folder = PROC.resolve(pid);
            String command = Berth.read(folder.resolve("cmdline")).replace('\0', ' ');
            if (command.isBlank()) {
                return; // of the kernel, or gone
            }
            String start = Berth.read(folder.resolve("stat")).replaceFirst(".*\\) ", "");
            String[] fields = start.split(" ", -1);
            String text = pid + " since " + (fields.length > 19 ? fields[19] : "?") + ": " + command;
            String marks = Berth.read(folder.resolve("cgroup"))
                    + link(folder.resolve("cwd"))
                    + link(folder.resolve("exe"))
                    + Berth.read(folder.resolve("environ"));
            facts.add(new Fact(Kind.PROCESS, text, marks));
            if (tables.add(link(folder.resolve("ns/mnt")))) {
                mountTable(pid).stream()
                        .filter(line -> line.contains("/bt") || line.contains("/berth"))
                        .forEach(line -> add(Kind.FOREIGN_MOUNT, "in the table of " + command + ": " + line));
            }
        });
    }

    private void network() {
        lines("ip", "-o", "link").forEach(line -> {
            String name = line.replaceFirst("^[0-9]+: ([^:@]+).*", "$1");
            String master = line.contains(" master ") ? line.replaceFirst(".* master ([^ ]+).*", "$1") : "";
            facts.add(new Fact(Kind.LINK, line.replaceFirst(":.*", "") + " " + name, master));
        });
        each(Path.of("/run/netns"), file -> add(Kind.NETNS, file.toString()));
        String context = "";
        for (String line : lines("nft", "-s", "list", "ruleset")) {
            if (line.startsWith("table")) {
                context = line;
            } else if (line.startsWith("\t") && line.endsWith("{")) {
                context = context.replaceFirst(" / .*", "") + " / " + line.strip();
            }
            if (!line.isBlank() && !line.strip().equals("}")) {
                add(Kind.NFT, context + ": " + line.strip());
            }
        }
        for (String tool :
                List.of("iptables-save", "ip6tables-save", "iptables-legacy-save", "ip6tables-legacy-save")) {
            String table = "";
            for (String line : lines(tool)) {
                table = line.startsWith("*") ? line : table;
                if (!line.startsWith("#") && !line.equals("COMMIT")) {
                    add(Kind.IPTABLES, tool + " " + table + " " + line.replaceFirst(" \\[[0-9:]+]$", ""));
                }
            }
        }
    }

    private void cgroups() {
        each(CGROUPS, hierarchy -> {
            if (Files.isDirectory(hierarchy) && !Files.isSymbolicLink(hierarchy)) {
                walk(hierarchy, folder -> {
                    if (!folder.equals(hierarchy)) {
                        add(Kind.CGROUP, folder.toString());
                    }
                });
            }
        });
    }

    private static void walk(Path folder, Consumer<Path> directories) {
        var visitor = new SimpleFileVisitor<Path>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                if (OFF_LIMITS.contains(String.valueOf(directory.getFileName()))) {
                    return FileVisitResult.SKIP_SUBTREE;
                }
                directories.accept(directory);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException gone) {
                return FileVisitResult.CONTINUE;
            }
        };
        try {
            Files.walkFileTree(folder, EnumSet.noneOf(FileVisitOption.class), Integer.MAX_VALUE, visitor);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Folders that have names of ours, and the FIFOs and sockets in them. */
    private void files() {
        for (String top : List.of("/run", "/var/lib", "/tmp")) {
            each(Path.of(top), folder -> {
                if (OURS.matcher(folder.getFileName().toString()).matches() && Files.isDirectory(folder)) {
                    add(Kind.FOLDER, folder.toString());
                    special(folder).forEach(file -> add(Kind.SOCKET_FILE, file));
                }
            });
        }
        leases(Path.of("/var/lib/cni"));
    }

    /** FIFOs and sockets below a folder. */
    static List<String> special(Path folder) {
        return files(folder).entrySet().stream()
                .filter(file -> file.getValue().isOther())
                .map(file -> file.getKey().toString())
                .toList();
    }

    /** Everything below a folder but directories; what goes away in between is left out. */
    static Map<Path, BasicFileAttributes> files(Path folder) {
        var found = new LinkedHashMap<Path, BasicFileAttributes>();
        var visitor = new SimpleFileVisitor<Path>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                found.put(file, attributes);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException gone) {
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(
                    Path directory, @org.jspecify.annotations.Nullable IOException gone) {
                return FileVisitResult.CONTINUE;
            }
        };
        try {
            Files.walkFileTree(folder, visitor);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return found;
    }

    private void leases(Path folder) {
        files(folder).forEach((file, about) -> {
            String name = file.getFileName().toString();
            if (!name.equals("lock") && !name.startsWith("last_reserved_ip")) {
                facts.add(new Fact(Kind.LEASE, file.toString(), Berth.read(file)));
            }
        });
    }

    private void devices() {
        each(Path.of("/sys/block"), device -> {
            Path backing = device.resolve("loop/backing_file");
            if (Files.exists(backing)) {
                add(Kind.LOOP, device.getFileName() + " " + Berth.read(backing).strip());
            }
        });
        each(Path.of("/dev/shm"), file -> add(Kind.SHM, file.toString()));
        each(Path.of("/dev/mqueue"), file -> add(Kind.SHM, file.toString()));
        for (String kind : List.of("shm", "sem", "msg")) {
            Berth.read(PROC.resolve("sysvipc").resolve(kind))
                    .lines()
                    .skip(1)
                    .map(line -> line.strip().split(" +", 3))
                    .forEach(line -> add(Kind.SYSV, kind + " key " + line[0] + " id " + line[1]));
        }
        Berth.read(PROC.resolve("net/unix"))
                .lines()
                .filter(line -> line.contains(" @"))
                .map(line -> line.substring(line.indexOf('@')))
                .forEach(name -> add(Kind.ABSTRACT_SOCKET, name));
    }

    private static List<String> lines(String... command) {
        if (Stream.of("/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/")
                .noneMatch(it -> Files.exists(Path.of(it + command[0])))) {
            return List.of();
        }
        return Berth.run(List.of(command)).out().lines().toList();
    }

    private static String link(Path path) {
        try {
            return Files.readSymbolicLink(path).toString();
        } catch (IOException gone) {
            return "";
        }
    }

    private static void each(Path folder, Consumer<Path> consumer) {
        var found = new ArrayList<Path>();
        try (Stream<Path> files = Files.list(folder)) {
            files.forEach(found::add);
        } catch (IOException none) {
            return;
        }
        found.forEach(consumer);
    }
}

package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What a kubelet needs of a node and leaves on it, whatever its config says: cgroups, settings of the kernel, mounts below its
 * folder, a socket, links to logs. All of it is taken back, and nothing else.
 */
final class KubeletTraces {
    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");
    private static final List<Path> SETTINGS = Stream.of(
                    "vm/overcommit_memory",
                    "vm/panic_on_oom",
                    "kernel/panic",
                    "kernel/panic_on_oops",
                    "kernel/keys/root_maxkeys",
                    "kernel/keys/root_maxbytes")
            .map(Path.of("/proc/sys")::resolve)
            .toList();
    private static final Path LINKS = Path.of("/var/log/containers");
    private static final Path HOME = Path.of("/var/lib/kubelet");
    private static final Path DEVICES = HOME.resolve("device-plugins");

    private final Path folder;
    private final Map<Path, String> settings = new LinkedHashMap<>();
    private final List<Path> missing;
    private final List<Path> cgroups;
    private final List<String> delegated = new ArrayList<>();

    /** @param folder below which all is that has a place in the config; its name is that of the cgroups too */
    KubeletTraces(Path folder) throws IOException {
        this.folder = folder;
        SETTINGS.forEach(file -> settings.put(file, Berth.read(file)));
        missing = Stream.of(DEVICES.resolve("kubelet.sock"), DEVICES, HOME, LINKS)
                .filter(path -> !Files.exists(path))
                .toList();
        cgroups = hierarchies().stream()
                .map(hierarchy -> hierarchy.resolve(folder.getFileName()))
                .toList();
        for (Path cgroup : cgroups) {
            Files.createDirectory(cgroup);
            for (String file : List.of("cpuset.cpus", "cpuset.mems")) { // on v1 they are empty at first
                Path theirs = cgroup.resolveSibling(file);
                if (Files.exists(theirs)) {
                    Files.writeString(cgroup.resolve(file), Berth.read(theirs));
                }
            }
        }
        delegate();
    }

    /** All of v1, or the one of v2. */
    private static List<Path> hierarchies() throws IOException {
        if (Files.exists(CGROUPS.resolve("cgroup.controllers"))) {
            return List.of(CGROUPS);
        }
        try (Stream<Path> all = Files.list(CGROUPS)) {
            return all.filter(it -> Files.isDirectory(it) && !Files.isSymbolicLink(it))
                    .toList();
        }
    }

    /** A kubelet wants every controller of v2 in its root. */
    private void delegate() throws IOException {
        Path children = CGROUPS.resolve("cgroup.subtree_control");
        List<String> there = List.of(Berth.read(children).strip().split(" ", -1));
        for (String controller :
                Berth.read(CGROUPS.resolve("cgroup.controllers")).strip().split(" ", -1)) {
            if (!controller.isEmpty() && !there.contains(controller)) {
                Files.writeString(children, "+" + controller);
                delegated.add(controller);
            }
        }
    }

    /** What is mounted for pods. */
    List<String> podMounts() {
        return mounts().stream().filter(it -> !it.equals(folder.toString())).toList();
    }

    /** The folder, which a kubelet mounts over itself, and what is mounted below it; innermost last. */
    private List<String> mounts() {
        return Berth.read(Path.of("/proc/self/mountinfo"))
                .lines()
                .map(line -> line.split(" ", -1)[4])
                .filter(target -> Path.of(target).startsWith(folder))
                .toList();
    }

    /** Cgroups of pods. */
    List<Path> podCgroups() {
        var found = new ArrayList<Path>();
        for (Path cgroup : cgroups) {
            try (Stream<Path> all = Files.walk(cgroup)) {
                all.filter(it -> it.getFileName().toString().startsWith("pod")).forEach(found::add);
            } catch (IOException | UncheckedIOException gone) {
                found.add(cgroup); // it changes while one looks
            }
        }
        return found;
    }

    /** After the end of the kubelet and of all pods. */
    void remove() throws IOException, InterruptedException {
        for (String mount : mounts().reversed()) {
            assertThat(Berth.run(List.of("umount", mount)).err()).isEmpty();
        }
        Berth.until("no cgroup is left", Berth.LIMIT, () -> {
            cgroups.forEach(KubeletTraces::removeCgroups);
            return cgroups.stream().noneMatch(Files::exists);
        });
        for (String controller : delegated) {
            Files.writeString(CGROUPS.resolve("cgroup.subtree_control"), "-" + controller);
        }
        for (Map.Entry<Path, String> setting : settings.entrySet()) {
            if (!Berth.read(setting.getKey()).equals(setting.getValue())) {
                Files.writeString(setting.getKey(), setting.getValue());
            }
        }
        if (Files.isDirectory(LINKS)) {
            removeLinks();
        }
        missing.forEach(path -> path.toFile().delete()); // not if somebody else has put something there
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private void removeLinks() throws IOException {
        try (Stream<Path> links = Files.list(LINKS)) {
            for (Path link : links.filter(Files::isSymbolicLink).toList()) {
                if (Files.readSymbolicLink(link).startsWith(folder)) {
                    Files.delete(link);
                }
            }
        }
    }

    private static void removeCgroups(Path cgroup) {
        try (Stream<Path> all = Files.walk(cgroup)) {
            all.filter(Files::isDirectory)
                    .sorted(Comparator.reverseOrder())
                    .forEach(it -> it.toFile().delete());
        } catch (IOException | UncheckedIOException gone) {
            // they go while one looks: there is a next time
        }
    }
}

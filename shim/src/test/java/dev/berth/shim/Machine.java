package dev.berth.shim;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.linux.Mounts;
import dev.berth.linux.Subreaper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What the machine holds at one moment, to find out what a test left behind. */
record Machine(Set<String> mounts, Set<String> cgroups, Set<Integer> children, Set<String> files) {
    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");

    /** Looks at mounts of the host and cgroups with a mark in their path, our children, and the files below a directory. */
    static Machine look(String mark, Path directory) throws IOException {
        return new Machine(
                Mounts.list().stream()
                        .map(mount -> mount.target())
                        .filter(target -> target.contains(mark))
                        .collect(Collectors.toCollection(TreeSet::new)),
                cgroups(mark),
                new TreeSet<>(Subreaper.children()),
                files(directory));
    }

    private static Set<String> cgroups(String mark) throws IOException {
        Set<String> found = new TreeSet<>();
        try (Stream<Path> hierarchies = Files.list(CGROUPS)) {
            for (Path hierarchy : hierarchies.toList()) {
                try (Stream<Path> top = Files.list(hierarchy)) {
                    top.filter(path -> path.getFileName().toString().contains(mark))
                            .forEach(path -> found.add(path.toString()));
                }
            }
        }
        return found;
    }

    private static Set<String> files(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return Set.of();
        }
        try (Stream<Path> all = Files.walk(directory)) {
            return all.map(Path::toString).collect(Collectors.toCollection(TreeSet::new));
        } catch (UncheckedIOException e) {
            return files(directory); // something went while we looked
        }
    }

    /** Fails with the names of what is there now and was not before. */
    void assertNothingNew(Machine now) {
        assertThat(difference(now.mounts, mounts)).as("mounts left behind").isEmpty();
        assertThat(difference(now.cgroups, cgroups)).as("cgroups left behind").isEmpty();
        assertThat(difference(now.children, children))
                .as("processes left behind")
                .isEmpty();
        assertThat(difference(now.files, files)).as("files left behind").isEmpty();
    }

    private static <T> List<T> difference(Set<T> now, Set<T> before) {
        return now.stream().filter(each -> !before.contains(each)).toList();
    }
}

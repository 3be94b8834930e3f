package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Looks for what a test run has left on the machine. */
final class Leaks {
    private Leaks() {}

    /** @param name that is part of every path, link and rule of the run */
    static void audit(String name) throws IOException {
        var left = new ArrayList<String>();
        Berth.read(Path.of("/proc/self/mountinfo"))
                .lines()
                .filter(line -> line.contains(name))
                .forEach(left::add);
        ProcessHandle.allProcesses()
                .filter(process -> Berth.read(Path.of("/proc/" + process.pid() + "/cmdline"))
                        .contains(name))
                .forEach(process -> left.add("process " + process.pid()));
        left.addAll(matching("links", name, "ip", "-o", "link"));
        left.addAll(matching("rules", name, "nft", "list", "ruleset"));
        assertThat(left).as("left on the machine").isEmpty();
    }

    /** Cgroups below a parent, of every hierarchy. */
    static List<String> cgroups(String parent) throws IOException {
        var found = new ArrayList<String>();
        try (Stream<Path> hierarchies = Files.list(Path.of("/sys/fs/cgroup"))) {
            for (Path hierarchy : hierarchies.toList()) {
                Path folder = hierarchy.resolve(parent);
                if (Files.isDirectory(folder)) {
                    found.add(folder.toString());
                }
            }
        }
        return found;
    }

    private static List<String> matching(String what, String name, String... command) {
        return Berth.run(List.of(command))
                .out()
                .lines()
                .filter(line -> line.contains(name))
                .map(line -> what + ": " + line)
                .toList();
    }
}

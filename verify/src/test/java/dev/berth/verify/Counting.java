package dev.berth.verify;

import dev.berth.wire.cri.ContainerConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Containers that count: in their memory, to their log, and the last number into a file of their root. */
record Counting(Berth berth) {
    private static final String COUNTER = "i=0; while :; do i=$((i+1)); echo $i; echo $i > /count; sleep 0.1; done";

    static ContainerConfig container(GrpcPods pods, String name) {
        return pods.container(name, "sh", "-c", COUNTER).build();
    }

    /** The numbers in a container's log. */
    List<Integer> counted(String name) {
        return Berth.read(berth.logs().resolve(name + ".log"))
                .lines()
                .map(line -> Integer.parseInt(line.substring(line.lastIndexOf(' ') + 1)))
                .toList();
    }

    void until(String name, int to) throws InterruptedException {
        Berth.until(
                name + " has counted to " + to,
                Berth.LIMIT,
                () -> counted(name).stream().anyMatch(number -> number >= to));
    }

    /** What is in an archive: modes by name. */
    static Map<String, String> entries(Path archive) {
        return Berth.run(List.of("tar", "-tvf", archive.toString()))
                .text()
                .lines()
                .map(line -> line.split(" +", 6))
                .collect(Collectors.toMap(fields -> fields[5], fields -> fields[0]));
    }
}

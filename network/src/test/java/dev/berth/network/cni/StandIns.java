package dev.berth.network.cni;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/**
 * Plugins that write down what they were told and then do what a test wants: a file {@code do-<type>-<COMMAND>} is a piece of
 * shell that is run in place of success.
 */
final class StandIns {
    private static final String SCRIPT = """
            #!/bin/sh
            type=$(basename "$0")
            input=$(cat)
            printf '%s %s|%s|%s|%s|%s\\n' "$CNI_COMMAND" "$type" "$CNI_CONTAINERID" "$CNI_NETNS" "$CNI_IFNAME" "$CNI_ARGS" >> LOG
            printf '%s\\n' "$input" > "DIR/stdin-$type-$CNI_COMMAND"
            [ -e "DIR/do-$type-$CNI_COMMAND" ] && . "DIR/do-$type-$CNI_COMMAND"
            [ "$CNI_COMMAND" = ADD ] || exit 0
            printf '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"%s"}],"ips":[{"address":"10.1.0.9/16","interface":0}],"by":"%s"}' "$CNI_NETNS" "$type"
            """;

    private final Path directory;

    StandIns(Path directory, String... types) throws IOException {
        this.directory = Files.createDirectories(directory);
        for (String type : types) {
            Path program = directory.resolve(type);
            Files.writeString(program, SCRIPT.replace("LOG", log().toString()).replace("DIR", directory.toString()));
            Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        }
    }

    Path directory() {
        return directory;
    }

    private Path log() {
        return directory.resolve("log");
    }

    /** Lets a plugin do something else than succeed. */
    void when(String command, String type, String shell) throws IOException {
        Files.writeString(directory.resolve("do-" + type + "-" + command), shell);
    }

    void succeed(String command, String type) throws IOException {
        Files.deleteIfExists(directory.resolve("do-" + type + "-" + command));
    }

    /** The command and plugin of each run so far. */
    List<String> calls() throws IOException {
        return details().stream()
                .map(line -> line.substring(0, line.indexOf('|')))
                .toList();
    }

    /** Each run with its environment. */
    List<String> details() throws IOException {
        return Files.exists(log()) ? Files.readAllLines(log()) : List.of();
    }

    void forget() throws IOException {
        Files.deleteIfExists(log());
    }

    JsonObject stdin(String command, String type) throws IOException {
        return Json.object(Files.readAllBytes(directory.resolve("stdin-" + type + "-" + command)));
    }
}

package dev.berth.verify;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The real ctr, as a client of one daemon. */
record Ctr(Path socket) {
    /** Runs a command. */
    Berth.Result run(String... arguments) {
        return run(null, arguments);
    }

    /** Runs a command that reads a file on its standard input. */
    Berth.Result run(@Nullable Path input, String... arguments) {
        var command = new ArrayList<String>();
        if (input != null) {
            command.addAll(List.of("sh", "-c", "input=$1; shift; exec \"$@\" <\"$input\"", "sh", input.toString()));
        }
        // What containerd thinks of this machine is not what is compared.
        command.addAll(List.of("env", "CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=true"));
        command.addAll(command(arguments));
        return Berth.run(command);
    }

    /** The words of a command, for what does not end by itself. */
    List<String> command(String... arguments) {
        var command = new ArrayList<>(List.of(Peers.need("ctr").toString(), "--address", socket.toString()));
        command.addAll(List.of(arguments));
        return command;
    }
}

package dev.berth.daemon.cli;

import dev.berth.kernel.JsonString;
import java.io.BufferedReader;
import java.io.Console;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Where a command reads and writes.
 *
 * @param out for what was asked for
 * @param err for how it goes, and what went wrong
 * @param interactive whether somebody sits there
 */
public record Terminal(InputStream in, PrintStream out, PrintStream err, boolean interactive) {
    /** That of this process. */
    public static Terminal ofProcess() {
        return new Terminal(
                System.in,
                System.out,
                System.err,
                Optional.ofNullable(System.console())
                        .filter(Console::isTerminal)
                        .isPresent());
    }

    /** The text without what would move the cursor or end the line: names may come from anybody. */
    static String harmless(String text) {
        var shown = new StringBuilder(text.length());
        JsonString.appendBare(text, shown);
        return shown.toString();
    }

    void say(String line) {
        out.println(harmless(line));
    }

    void complain(String line) {
        err.println("berth: " + harmless(line));
    }

    /** Asks for a secret: without showing it if somebody sits there, else as the first line of the input. */
    String secret(String question) throws IOException {
        Optional<Console> console = Optional.ofNullable(System.console()).filter(_ -> interactive);
        if (console.isPresent()) {
            char[] typed = console.get().readPassword("%s: ", question);
            return typed == null ? "" : new String(typed);
        }
        return line();
    }

    /** Asks for a yes. */
    boolean agrees(String question) throws IOException {
        err.print(question + " [y/N] ");
        err.flush();
        return line().strip().toLowerCase(java.util.Locale.ROOT).startsWith("y");
    }

    private String line() throws IOException {
        String line = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8)).readLine();
        return line == null ? "" : line;
    }
}

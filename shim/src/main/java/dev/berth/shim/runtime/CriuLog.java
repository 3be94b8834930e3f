package dev.berth.shim.runtime;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** What CRIU writes into its log, as lines like {@code (00.012345) Error (criu/files.c:123): why}. */
public final class CriuLog {
    private static final int MOST = 5;
    private static final int LONGEST = 300;
    private static final String ERROR = "Error (";

    private CriuLog() {}

    /** The last errors in a log; empty if it has none or is not there. */
    public static Optional<String> errorsIn(Path log) {
        try {
            return errors(new String(Files.readAllBytes(log), StandardCharsets.UTF_8)); // whatever it is
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** The last errors in the text of a log, on one line. */
    static Optional<String> errors(String text) {
        List<String> errors = text.lines()
                .map(CriuLog::error)
                .flatMap(Optional::stream)
                .distinct()
                .toList();
        return errors.isEmpty()
                ? Optional.empty()
                : Optional.of(errors.subList(Math.max(0, errors.size() - MOST), errors.size()).stream()
                        .collect(Collectors.joining("; ")));
    }

    /** Without the time and the place in its source. */
    private static Optional<String> error(String line) {
        int at = line.indexOf(ERROR);
        if (at < 0) {
            return Optional.empty();
        }
        String said = line.substring(at + ERROR.length())
                .replaceFirst("^[^)]*\\):\\s*", "")
                .strip();
        String plain = said.replaceAll("\\p{Cntrl}+", " ");
        return Optional.of(plain.length() > LONGEST ? plain.substring(0, LONGEST) + "…" : plain)
                .filter(it -> !it.isEmpty());
    }
}

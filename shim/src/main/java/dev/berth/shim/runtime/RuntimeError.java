package dev.berth.shim.runtime;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a runtime said when it failed, in words that users of Kubernetes know: the text of runc as containerd passes it on.
 *
 * <p>The log has one object of JSON on each line with the fields {@code level} and {@code msg}; the last error counts.
 */
final class RuntimeError {
    private static final long MAX_LOG_BYTES = 1 << 20;
    private static final int MAX_PRINTED_BYTES = 2048;
    private static final Pattern CRUN_NOT_FOUND =
            Pattern.compile("executable file `(.*)` not found in \\$PATH(?:: No such file or directory)?");
    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}]+");
    private static final Pattern RUNC_PREFIX = Pattern.compile("^(?:runc (?:create|run) failed|exec failed): ");

    /** Words of newer versions for what was said without them. */
    private static final Pattern RUNC_INIT =
            Pattern.compile("^(unable to start container process: )error during container init: (?=exec: )");

    /** A word in a profile that none of its readers knows. */
    private static final Pattern SECCOMP = Pattern.compile(
            "is not a valid \\w+ for seccomp|(?:invalid|unknown|unrecognized) seccomp |seccomp unknown |seccomp get operator");

    private static final String PROFILE =
            "Correct the seccomp profile; this runtime may be older than what it asks for";

    private static final String WORKING_DIRECTORY =
            "Give the container a working directory that is a directory in its image";
    private static final String MOUNT = "Mount a directory over a directory and a file over a file:"
            + " see what the volume is, and what the container has at its path";

    private RuntimeError() {}

    /**
     * The fault for a failed call.
     *
     * @param what the call, as in "OCI runtime create failed"
     * @param command the program to be started in the container, as given
     * @param log where the runtime wrote its log; may be missing
     * @param printed what to say if there is no error in the log
     */
    static Fault of(String what, String command, Path log, String printed) {
        String said = lastError(log);
        if (said == null) {
            said = printed.strip().isEmpty() ? "the runtime gave no reason" : printed.strip();
        }
        String text =
                RUNC_INIT.matcher(RUNC_PREFIX.matcher(said).replaceFirst("")).replaceFirst("$1");
        Matcher missing = CRUN_NOT_FOUND.matcher(text);
        if (missing.find()) {
            return Fault.invalid(what, notFound(missing.group(1)), remedy(Fault.Code.INVALID_ARGUMENT));
        }
        if (text.startsWith("open executable: ")) {
            Fault.Code code = Fault.Code.PERMISSION_DENIED;
            return Fault.of(code, what, started("\"" + command + "\": permission denied"), remedy(code));
        }
        if (text.toLowerCase(Locale.ROOT).contains("not a directory")) {
            return Fault.invalid(what, text, text.startsWith("chdir") ? WORKING_DIRECTORY : MOUNT);
        }
        if (SECCOMP.matcher(text).find()) {
            return Fault.invalid(what, text, PROFILE);
        }
        Fault.Code code = code(text);
        return Fault.of(code, what, text, remedy(code));
    }

    private static String remedy(Fault.Code code) {
        return switch (code) {
            case INVALID_ARGUMENT -> "See whether the image has this program, and whether its PATH leads to it";
            case PERMISSION_DENIED -> "See whether the file is a program that this user may run";
            case RESOURCE_EXHAUSTED -> "Make room on the node";
            default -> "";
        };
    }

    private static String notFound(String command) {
        return command.contains("/")
                ? started("\"" + command + "\": stat " + command + ": no such file or directory")
                : started("\"" + command + "\": executable file not found in $PATH");
    }

    private static String started(String text) {
        return "unable to start container process: exec: " + text;
    }

    private static Fault.Code code(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (lower.startsWith("unable to start container process: exec: ")) {
            return lower.endsWith("permission denied") ? Fault.Code.PERMISSION_DENIED : Fault.Code.INVALID_ARGUMENT;
        }
        if (lower.contains("container does not exist") || lower.matches("error opening file `.*/status`: no such.*")) {
            return Fault.Code.NOT_FOUND;
        }
        if (lower.contains("no space left on device") || lower.contains("cannot allocate memory")) {
            return Fault.Code.RESOURCE_EXHAUSTED;
        }
        return Fault.Code.INTERNAL;
    }

    /** The end of what a program printed, on one line and without control characters. */
    static String end(Path printed) {
        try (SeekableByteChannel file = Files.newByteChannel(printed)) {
            long from = Math.max(0, file.size() - MAX_PRINTED_BYTES);
            String text = new String(
                    Channels.newInputStream(file.position(from)).readNBytes(MAX_PRINTED_BYTES), StandardCharsets.UTF_8);
            String line = CONTROL.matcher(text).replaceAll(" ").strip();
            return from > 0 ? "…" + line : line;
        } catch (IOException e) {
            return "";
        }
    }

    private static @Nullable String lastError(Path log) {
        try {
            if (!Files.exists(log) || Files.size(log) > MAX_LOG_BYTES) {
                return null;
            }
            String last = null;
            for (String line : Files.readAllLines(log)) {
                String said = error(line);
                last = said == null ? last : said;
            }
            return last;
        } catch (IOException e) {
            return "its log cannot be read: " + e.getMessage();
        }
    }

    private static @Nullable String error(String line) {
        try {
            JsonObjectText entry = JsonObjectText.parse(line);
            String level = entry.string("level").orElse("error");
            return level.equals("error") || level.equals("fatal")
                    ? entry.string("msg").orElse(null)
                    : null;
        } catch (IllegalArgumentException e) {
            return null; // a line cut off, or of a program that the runtime started
        }
    }
}

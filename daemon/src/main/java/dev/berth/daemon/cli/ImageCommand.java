package dev.berth.daemon.cli;

import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/** {@code berth image}: what can be done with images, through the daemon. */
public final class ImageCommand {
    /** A word, and what reads what follows it. */
    private record Verb(String word, Function<Arguments, Session.Action> parser) {}

    private static final List<Verb> VERBS = List.of(
            new Verb("pull", RegistryTransfer::parsePull),
            new Verb("push", RegistryTransfer::parsePush),
            new Verb("ls", Listing::parse),
            new Verb("inspect", Inspection::parse),
            new Verb("history", History::parse),
            new Verb("tag", Tagging::parse),
            new Verb("rm", Removal::parse),
            new Verb("load", ArchiveTransfer::parseLoad),
            new Verb("save", ArchiveTransfer::parseSave),
            new Verb("prune", Pruning::parse),
            new Verb("mount", Mounting::parse),
            new Verb("unmount", Mounting::parseUnmount),
            new Verb("verify", Verifying::parse));

    private final Session.Action action;
    private final Path socket;
    private final Namespace namespace;

    private ImageCommand(Session.Action action, Path socket, Namespace namespace) {
        this.action = action;
        this.socket = socket;
        this.namespace = namespace;
    }

    /**
     * Understands a command.
     *
     * @param usualSocket where the daemon is if nobody says otherwise
     * @throws Misuse if it is none
     */
    public static ImageCommand parse(Arguments arguments, Supplier<Path> usualSocket) {
        try {
            boolean help = arguments.flag("--help", "-h");
            String address = arguments.value("--address");
            String namespace = arguments.value("--namespace", "-n");
            Path socket = address != null
                    ? Path.of(address.replaceFirst("^unix:(//)?", ""))
                    : help ? Path.of("/") : usualSocket.get();
            String word = arguments.word();
            if (word.equals("help")) {
                help = true;
                word = arguments.word();
            }
            if (help || word.isEmpty()) {
                return help(word, help);
            }
            Verb verb = verb(word);
            arguments.below(word);
            return new ImageCommand(
                    verb.parser().apply(arguments),
                    socket.toAbsolutePath(),
                    namespace == null ? Namespace.KUBERNETES : new Namespace(namespace));
        } catch (Fault e) {
            if (e.code() == Fault.Code.INVALID_ARGUMENT) {
                throw new Misuse(String.valueOf(e.getMessage()));
            }
            throw e;
        }
    }

    private static Verb verb(String word) {
        return VERBS.stream().filter(it -> it.word().equals(word)).findFirst().orElseThrow(() -> unknown(word));
    }

    private static ImageCommand help(String word, boolean asked) {
        String page = word.isEmpty() ? ImageHelp.all() : ImageHelp.of(word).orElseThrow(() -> unknown(word));
        if (!asked) {
            throw new Misuse("`berth image` wants a word more\n\n" + page);
        }
        Session.Action show = session -> {
            session.terminal().out().print(page);
            return 0;
        };
        return new ImageCommand(show, Path.of("/"), Namespace.KUBERNETES);
    }

    private static Misuse unknown(String word) {
        List<String> words = VERBS.stream().map(Verb::word).toList();
        return new Misuse("there is no `berth image " + word + "`; "
                + Suggestion.nearest(word, words)
                        .map(near -> "did you mean `berth image " + near + "`?")
                        .orElse("`berth image --help` lists what there is"));
    }

    /**
     * Does it.
     *
     * @return the exit code
     * @throws Fault as the daemon has it; UNAVAILABLE if there is none
     */
    public int run(Terminal terminal) throws IOException, InterruptedException {
        try (DaemonClient daemon = DaemonClient.open(socket, namespace)) {
            return action.run(
                    new Session(daemon, new Library(daemon), terminal, socket, namespace, InstantSource.system()));
        } catch (StatusRuntimeException e) {
            throw fault(e);
        }
    }

    private Fault fault(StatusRuntimeException e) {
        Status status = e.getStatus();
        if (status.getCode() == Status.Code.UNAVAILABLE && status.getCause() != null) {
            String why = !Files.exists(socket)
                    ? "there is no socket " + socket
                    : "nobody answers on " + socket + " (" + status.getCause().getMessage() + ")";
            return Fault.unavailable(
                            "ask the daemon", why, "Start it with `berth daemon`, or name its socket with --address")
                    .causedBy(e);
        }
        // the kind of error at the end is for programs
        String kind = ": "
                + status.getCode().name().toLowerCase(java.util.Locale.ROOT).replace('_', ' ');
        String text = String.valueOf(status.getDescription());
        String bare = text.endsWith(kind) ? text.substring(0, text.length() - kind.length()) : text;
        return Fault.of(Fault.Code.valueOf(code(status)), "the daemon says", bare, "")
                .causedBy(e);
    }

    private static String code(Status status) {
        return switch (status.getCode()) {
            case OK, UNKNOWN -> Fault.Code.INTERNAL.name();
            default -> status.getCode().name();
        };
    }
}

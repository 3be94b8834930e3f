package dev.berth.daemon;

import dev.berth.daemon.cli.Arguments;
import dev.berth.daemon.cli.ImageCommand;
import dev.berth.daemon.cli.Misuse;
import dev.berth.daemon.cli.Suggestion;
import dev.berth.daemon.cli.Terminal;
import dev.berth.daemon.demo.Demo;
import dev.berth.kernel.Carriers;
import dev.berth.kernel.Fault;
import dev.berth.kernel.log.Log;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The program: the daemon and the commands around it. Exit codes: 0 done, 1 failed, 2 not understood. */
public final class Main {
    private static final String USAGE = """
            Berth, a container runtime for Kubernetes.

              berth daemon [--config FILE]            serve CRI on /run/berth/berth.sock
              berth demo [--keep]                     run a real pod, show it, leave no trace (--keep: leave it running)
              berth check [--config FILE] [--repair]  can this node run pods? is what is on disk consistent? (that with the
                                                      daemon stopped) 0: both; 1: something is missing or broken
              berth reset [--config FILE] --yes       end all pods of a stopped daemon and remove all that it keeps
              berth image WORD ...                    pull, list, save, remove, ... images; berth image --help
              berth config default                    print all settings with their defaults
              berth build                             build the program, as every command does when sources have changed
              berth version

            Without --config, /etc/berth/berth.toml is read if it exists.
            """;

    private static final List<String> COMMANDS =
            List.of("daemon", "demo", "check", "reset", "image", "config", "version", "help");

    private static final PrintStream OUT = System.out;
    private static final PrintStream ERR = System.err;

    /** A command with its arguments understood. */
    private interface Command {
        int run() throws IOException, InterruptedException;
    }

    private Main() {}

    public static void main(String[] args) {
        Carriers.provide();
        Log.begin("info", "text");
        System.exit(run(List.of(args)));
    }

    private static int run(List<String> args) {
        try {
            return dispatch(args);
        } catch (Misuse misuse) {
            ERR.println("berth: " + misuse.getMessage());
            return 2;
        } catch (Fault fault) {
            ERR.println("berth: " + fault.getMessage());
            return 1;
        } catch (StatusRuntimeException e) {
            ERR.println("berth: the daemon says " + e.getStatus().getCode() + ": "
                    + e.getStatus().getDescription());
            return 1;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return 1;
        } catch (IOException e) {
            ERR.println("berth: " + said(e));
            return 1;
        }
    }

    /** The JDK's exceptions of files often have nothing but the name of the file in their message. */
    static String said(IOException e) {
        if (!(e instanceof FileSystemException file) || file.getReason() != null) {
            return String.valueOf(e.getMessage());
        }
        return file.getMessage()
                + switch (file) {
                    case NoSuchFileException _ -> ": there is no such file or folder, or it cannot be made there";
                    case AccessDeniedException _ -> ": permission denied";
                    case FileAlreadyExistsException _ -> ": there is something else with this name";
                    case NotDirectoryException _ -> ": it is not a folder";
                    case DirectoryNotEmptyException _ -> ": the folder is not empty";
                    default -> ": it cannot be used";
                };
    }

    private static int dispatch(List<String> args) throws IOException, InterruptedException {
        if (args.isEmpty()) {
            ERR.print(USAGE);
            return 2;
        }
        var arguments = new Arguments("berth " + args.getFirst(), args.subList(1, args.size()));
        Command command = command(args.getFirst(), arguments);
        arguments.refuseRest();
        int code = command.run();
        if (code == 0 && OUT.checkError() && !args.getFirst().equals("daemon")) {
            throw Fault.unavailable(
                    "standard output",
                    "it takes no more, so what it got is cut off",
                    "Is its disk full, or its reader gone?");
        }
        return code;
    }

    private static Command command(String name, Arguments arguments) {
        return switch (name) {
            case "daemon" -> {
                Path given = given(arguments);
                ConfigFile file = ConfigFile.find(given);
                log(file.config().log());
                yield () -> Daemon.run(file, () -> ConfigFile.find(given));
            }
            case "demo" -> {
                boolean keep = arguments.flag("--keep");
                yield () -> Demo.run(keep);
            }
            case "check" -> {
                Config config = config(arguments);
                boolean repair = arguments.flag("--repair");
                yield () -> {
                    requireRoot("check this node");
                    return Check.run(config, repair, OUT);
                };
            }
            case "reset" -> {
                Config config = config(arguments);
                boolean sure = arguments.flag("--yes");
                yield () -> {
                    requireRoot("reset");
                    return Reset.run(config, sure, OUT);
                };
            }
            case "image" -> {
                log(new Config.Log("warn", "text"));
                ImageCommand image =
                        ImageCommand.parse(arguments, () -> config(arguments).socket());
                yield () -> image.run(Terminal.ofProcess());
            }
            case "config" -> {
                String word = arguments.word();
                yield () -> printDefaults(word);
            }
            case "version", "--version" -> Main::printVersion;
            case "train" -> {
                Config config = config(arguments);
                yield () -> Training.run(config);
            }
            case "help", "--help", "-h" ->
                () -> {
                    OUT.print(USAGE);
                    return 0;
                };
            default ->
                throw new Misuse("there is no command \"" + name + "\"; "
                        + Suggestion.nearest(name, COMMANDS)
                                .map(near -> "did you mean berth " + near + "?")
                                .orElse("berth help lists them"));
        };
    }

    private static void requireRoot(String what) {
        if (!System.getProperty("user.name").equals("root")) {
            throw Fault.precondition(what, "it makes namespaces and mounts", "Run it as root");
        }
    }

    private static Config config(Arguments arguments) {
        Config config = ConfigFile.find(given(arguments)).config();
        log(config.log());
        return config;
    }

    private static @Nullable Path given(Arguments arguments) {
        String file = arguments.value("--config");
        return file == null ? null : Path.of(file).toAbsolutePath();
    }

    private static void log(Config.Log log) {
        Log.begin(log.level(), log.format());
    }

    private static int printDefaults(String word) throws IOException {
        if (!word.equals("default")) {
            ERR.println("berth: write `berth config default`");
            return 2;
        }
        try (InputStream text = Objects.requireNonNull(Main.class.getResourceAsStream("default.toml"))) {
            OUT.print(new String(text.readAllBytes(), StandardCharsets.UTF_8));
        }
        return 0;
    }

    private static int printVersion() {
        OUT.println("berth " + Version.NUMBER + " (CRI v1, Java " + Runtime.version() + ")");
        return 0;
    }
}

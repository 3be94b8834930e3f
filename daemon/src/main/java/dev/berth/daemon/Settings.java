package dev.berth.daemon;

import com.electronwill.nightconfig.core.UnmodifiableConfig;
import com.electronwill.nightconfig.core.io.ParsingException;
import com.electronwill.nightconfig.toml.TomlParser;
import dev.berth.daemon.cli.Suggestion;
import dev.berth.kernel.Fault;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** One table of a config file, read key by key; it knows which keys were asked for, so that all others can be refused. */
final class Settings {
    private static final Pattern CGROUP = Pattern.compile("(/[A-Za-z0-9_.-]+)+");

    private static final Pattern ADDRESS = Pattern.compile("[^:]+:[0-9]{1,5}|\\[[0-9a-fA-F:.]+]:[0-9]{1,5}");

    /** What all tables of a file share: its name, its lines, and what its settings turned out to be. */
    private record Source(String file, List<String> lines, SortedMap<String, Object> values) {
        /** What it is about, with the line if it is in the file. */
        String at(String setting) {
            int line = TomlLines.of(lines, setting);
            return "config " + file + (line == 0 ? "" : ", line " + line) + ", setting " + setting;
        }
    }

    private final Source source;
    private final String prefix;
    private final UnmodifiableConfig table;
    private final Set<String> known = new TreeSet<>();
    private final List<Settings> tables = new ArrayList<>();

    private Settings(Source source, String prefix, UnmodifiableConfig table) {
        this.source = source;
        this.prefix = prefix;
        this.table = table;
    }

    static Settings parse(String file, String toml) {
        List<String> lines = toml.lines().toList();
        try {
            return new Settings(new Source(file, lines, new TreeMap<>()), "", new TomlParser().parse(toml + "\n"));
        } catch (ParsingException e) {
            throw Fault.invalid(
                            "config " + file + ", line " + TomlLines.broken(lines),
                            "it is not TOML: " + oneLine(String.valueOf(e.getMessage())),
                            "Mend the line")
                    .causedBy(e);
        }
    }

    private static String oneLine(String message) {
        return message.replace("\n", "\\n").replaceFirst("\\.$", "");
    }

    /** What the settings that were asked for are, those that have their defaults included, by their full names. */
    SortedMap<String, Object> values() {
        return source.values();
    }

    String text(String key, String otherwise) {
        return value(key, otherwise, String.class, "a text in quotes");
    }

    boolean flag(String key, boolean otherwise) {
        return value(key, otherwise, Boolean.class, "true or false");
    }

    int number(String key, int otherwise, int least, int most) {
        Number number = value(key, otherwise, Number.class, "a number");
        if (number.longValue() < least || number.longValue() > most) {
            throw wrong(key, number + " is out of range", "Use " + least + " to " + most);
        }
        return number.intValue();
    }

    String oneOf(String key, String otherwise, List<String> allowed) {
        String text = text(key, otherwise);
        if (!allowed.contains(text)) {
            throw wrong(key, "\"" + text + "\" is not known", "Use one of " + String.join(", ", allowed));
        }
        return text;
    }

    /** An absolute path. */
    Path path(String key, String otherwise) {
        return absolute(key, text(key, otherwise));
    }

    /** Where to listen: {@code host:port} or the absolute path of a Unix socket; empty for nowhere. */
    String address(String key, String otherwise) {
        String text = text(key, otherwise);
        if (!text.isEmpty() && !text.startsWith("/") && !ADDRESS.matcher(text).matches()) {
            throw wrong(key, "\"" + text + "\" is no address", "Write it as 127.0.0.1:9474 or /run/berth/metrics.sock");
        }
        return text;
    }

    /** The path of a cgroup below the root; empty for none. */
    String cgroup(String key, String otherwise) {
        String text = text(key, otherwise);
        if (!text.isEmpty() && (!CGROUP.matcher(text).matches() || text.contains("/.."))) {
            throw wrong(key, "\"" + text + "\" is not the path of a cgroup", "Write it as /berth-supervisor");
        }
        return text;
    }

    List<Path> paths(String key, List<String> otherwise) {
        return texts(key, otherwise).stream().map(path -> absolute(key, path)).toList();
    }

    /** Absolute paths with colons between them. */
    List<Path> searchPath(String key, String otherwise) {
        return Stream.of(text(key, otherwise).split(":", -1))
                .filter(path -> !path.isEmpty())
                .map(path -> absolute(key, path))
                .toList();
    }

    List<String> texts(String key, List<String> otherwise) {
        List<?> list = value(key, otherwise, List.class, "a list of texts");
        var texts = new ArrayList<String>();
        for (Object item : list) {
            if (!(item instanceof String text)) {
                throw wrong(key, item + " is not a text", "Put each item in quotes");
            }
            texts.add(text);
        }
        return texts;
    }

    Settings table(String key) {
        known.add(key);
        Object value = table.get(List.of(key));
        if (value != null && !(value instanceof UnmodifiableConfig)) {
            throw wrong(key, "it is not a table", "Write [" + prefix + key + "] on a line of its own");
        }
        var inner = new Settings(
                source,
                prefix + key + ".",
                value instanceof UnmodifiableConfig config
                        ? config
                        : com.electronwill.nightconfig.core.Config.inMemory());
        tables.add(inner);
        return inner;
    }

    /** Names of the tables in this one. */
    List<String> tables() {
        return table.entrySet().stream()
                .filter(entry -> entry.<Object>getValue() instanceof UnmodifiableConfig)
                .map(UnmodifiableConfig.Entry::getKey)
                .sorted()
                .toList();
    }

    /** @throws Fault INVALID_ARGUMENT if the file has a key that nobody has asked for */
    void refuseUnknown() {
        for (UnmodifiableConfig.Entry entry : table.entrySet()) {
            String key = entry.getKey();
            if (!known.contains(key)) {
                throw wrong(
                        key,
                        "there is no such setting",
                        Suggestion.nearest(key, known)
                                .map(near -> "Did you mean " + prefix + near + "?")
                                .orElse("`berth config default` prints them all"));
            }
        }
        tables.forEach(Settings::refuseUnknown);
    }

    private <T> T value(String key, T otherwise, Class<T> type, String wanted) {
        known.add(key);
        Object value = table.get(List.of(key));
        source.values().put(prefix + key, value == null ? otherwise : value);
        if (value == null) {
            return otherwise;
        }
        if (!type.isInstance(value)) {
            throw wrong(key, value + " is not " + wanted, "");
        }
        return type.cast(value);
    }

    private Path absolute(String key, String text) {
        Path path = Path.of(text);
        if (!path.isAbsolute()) {
            throw wrong(key, "\"" + text + "\" is not an absolute path", "Begin it with /");
        }
        return path.normalize();
    }

    Fault wrong(String key, String why, String remedy) {
        return Fault.invalid(source.at(prefix + key), why, remedy);
    }
}

package dev.berth.daemon;

import com.electronwill.nightconfig.core.io.ParsingException;
import com.electronwill.nightconfig.toml.TomlParser;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** In which line of a TOML file something is: the parser does not tell. */
final class TomlLines {
    private static final Pattern HEADER = Pattern.compile("\\s*\\[([^\\[\\]]+)]\\s*(#.*)?");
    private static final Pattern KEY = Pattern.compile("\\s*(\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+)\\s*=.*");

    private TomlLines() {}

    /** The line in which a setting is given or its table begins, from 1; 0 if neither is found. */
    static int of(List<String> lines, String setting) {
        String table = "";
        for (int number = 1; number <= lines.size(); number++) {
            String line = lines.get(number - 1);
            Matcher header = HEADER.matcher(line);
            Matcher key = KEY.matcher(line);
            if (header.matches()) {
                table = plain(header.group(1)) + ".";
                if (table.equals(setting + ".")) {
                    return number;
                }
            } else if (key.matches() && (table + plain(key.group(1))).equals(setting)) {
                return number;
            }
        }
        return 0;
    }

    private static String plain(String name) {
        return name.strip().replaceAll("[\"']", "").replaceAll("\\s*\\.\\s*", ".");
    }

    /** Where the part begins from which on a file is none: a value may take several lines, and is whole at its last. */
    static int broken(List<String> lines) {
        int whole = 0;
        for (int count = 1; count < lines.size(); count++) {
            if (isWhole(lines.subList(0, count))) {
                whole = count;
            }
        }
        return whole + 1;
    }

    private static boolean isWhole(List<String> lines) {
        try {
            new TomlParser().parse(String.join("\n", lines) + "\n");
            return true;
        } catch (ParsingException e) {
            return false;
        }
    }
}

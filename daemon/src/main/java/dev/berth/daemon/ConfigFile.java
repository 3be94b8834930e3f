package dev.berth.daemon;

import dev.berth.kernel.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * A config as it was read.
 *
 * @param name of the file, for people
 * @param values of all settings by their full names, as they were written or by default; some are secrets
 */
record ConfigFile(String name, Config config, SortedMap<String, Object> values) {
    static final String NONE = "no config file";
    private static final Path USUAL = Path.of("/etc/berth/berth.toml");

    /**
     * Reads the file that was named on the command line, or else the usual one if it exists.
     *
     * @throws Fault INVALID_ARGUMENT with the line, the name of the setting and what to write instead
     */
    static ConfigFile find(@Nullable Path given) {
        if (given != null) {
            return read(given);
        }
        return Files.exists(USUAL) ? read(USUAL) : of(Settings.parse(NONE, ""), NONE);
    }

    static ConfigFile read(Path file) {
        try {
            return of(Settings.parse(file.toString(), Files.readString(file)), file.toString());
        } catch (NoSuchFileException e) {
            throw Fault.invalid("config " + file, "there is no such file", "Give another --config")
                    .causedBy(e);
        } catch (IOException e) {
            throw Fault.invalid("config " + file, "it cannot be read: " + e.getMessage(), "Give another --config")
                    .causedBy(e);
        }
    }

    private static ConfigFile of(Settings settings, String name) {
        return new ConfigFile(name, Config.of(settings), settings.values());
    }

    @Override
    public String toString() {
        return "ConfigFile[" + name + "]";
    }
}

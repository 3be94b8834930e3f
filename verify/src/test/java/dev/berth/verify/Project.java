package dev.berth.verify;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The project's own folder. */
final class Project {
    static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    private static final Pattern MODULE = Pattern.compile("<module>(.*?)</module>");

    private Project() {}

    /** The program as it was built last. */
    static Path program() throws IOException {
        return ROOT.resolve("target/programs/current").toRealPath();
    }

    /** The modules of the build, as folders. */
    static List<String> modules() {
        try {
            return MODULE.matcher(Files.readString(ROOT.resolve("pom.xml")))
                    .results()
                    .map(match -> match.group(1))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Hand-written Java files, of main code and tests or of main code only. */
    static List<Path> sources(boolean withTests) {
        return files().stream()
                .filter(file -> file.toString().endsWith(".java"))
                .filter(file -> withTests || file.toString().contains("/src/main/"))
                .toList();
    }

    /** All files of the project except what is built. */
    static List<Path> files() {
        try (Stream<Path> files = Files.walk(ROOT)) {
            return files.filter(Files::isRegularFile)
                    .filter(file -> {
                        String path = "/" + ROOT.relativize(file);
                        return !path.contains("/target/") && !path.startsWith("/.git/");
                    })
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

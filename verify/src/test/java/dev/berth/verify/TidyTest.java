package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Order in the house that a compiler does not see. */
@Tag("static")
class TidyTest {
    private static final Pattern DRAWER =
            Pattern.compile("(?i).*(util|utils|helper|helpers|common|misc)(/|\\.java$).*");
    private static final Pattern LOOSE_END = Pattern.compile("FIXME|XXX|TODO(?!\\(#\\d+\\))");

    @Test
    void everyPackageSaysWhatItIsFor() throws IOException {
        Set<Path> packages = new HashSet<>();
        for (Path file : Project.sources(false)) {
            if (!file.toString().contains("/wire/")) {
                packages.add(file.getParent());
            }
        }
        var silent = new ArrayList<String>();
        for (Path folder : packages) {
            Path page = folder.resolve("package-info.java");
            if (!Files.exists(page)
                    || !Files.readString(page).startsWith("/**")
                    || !Files.readString(page).contains("@NullMarked")) {
                silent.add(Project.ROOT.relativize(folder).toString());
            }
        }
        assertThat(silent)
                .as("packages without a text, or not null-marked: write package-info.java")
                .isEmpty();
    }

    @Test
    void noDrawers() {
        assertThat(Project.sources(true).stream()
                        .map(file -> Project.ROOT.relativize(file).toString())
                        .filter(path -> DRAWER.matcher(path).matches()))
                .as("a function lives with the value that it is about; find the missing noun")
                .isEmpty();
    }

    @Test
    void subPackagesGoOneLevelDeep() {
        assertThat(Project.sources(true).stream()
                        .filter(file -> !file.toString().contains("/wire/"))
                        .map(file -> file.toString().replaceFirst(".*/java/dev/berth/", ""))
                        .filter(path -> path.split("/", -1).length > 3))
                .isEmpty();
    }

    @Test
    void noLooseEnds() throws IOException {
        var found = new ArrayList<String>();
        for (Path file : Project.files()) {
            if (isText(file) && !file.endsWith("TidyTest.java")) {
                List<String> lines = Files.readAllLines(file);
                for (int i = 0; i < lines.size(); i++) {
                    if (LOOSE_END.matcher(lines.get(i)).find()) {
                        found.add(Project.ROOT.relativize(file) + ":" + (i + 1));
                    }
                }
            }
        }
        assertThat(found).as("write TODO(#issue), or do it").isEmpty();
    }

    @Test
    void testsDoNotSleep() throws IOException {
        var found = new ArrayList<Path>();
        for (Path file : Project.sources(true)) {
            if (file.toString().contains("/src/test/")
                    && !file.endsWith("TidyTest.java")
                    && Files.readString(file).contains("Thread.sleep(")) {
                found.add(Project.ROOT.relativize(file));
            }
        }
        assertThat(found)
                .as("wait for a condition with a limit instead of sleeping")
                .isEmpty();
    }

    private static boolean isText(Path file) {
        String name = file.getFileName().toString();
        return name.endsWith(".java")
                || name.endsWith(".md")
                || name.endsWith(".proto")
                || name.endsWith(".xml")
                || !name.contains(".");
    }
}

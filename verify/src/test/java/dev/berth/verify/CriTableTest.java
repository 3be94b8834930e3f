package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** docs/cri.md has every call and every field of every request, and the tests that it names are there. */
@Tag("static")
class CriTableTest {
    private static final Pattern ROW = Pattern.compile("\\| `([A-Za-z0-9_.]+)` \\| (.+) \\| (.*) \\|");
    private static final Pattern UNHONOURED = Pattern.compile("(Windows|no effect|not yet): .+");
    private static final Pattern TEST = Pattern.compile("`(\\w+)\\.(\\w+)`");

    private record Row(String what, String tests) {}

    private static Map<String, Row> rows() throws IOException {
        var rows = new TreeMap<String, Row>();
        for (String line : Files.readAllLines(Project.ROOT.resolve("docs/cri.md"))) {
            var row = ROW.matcher(line);
            if (row.matches()) {
                assertThat(rows.put(row.group(1), new Row(row.group(2), row.group(3))))
                        .as(line)
                        .isNull();
            }
        }
        return rows;
    }

    private static void collect(Descriptor message, Set<String> names, Set<Descriptor> seen) {
        if (!seen.add(message)) {
            return;
        }
        for (FieldDescriptor field : message.getFields()) {
            names.add(message.getName() + "." + field.getName());
            if (field.getJavaType() == FieldDescriptor.JavaType.MESSAGE && !field.isMapField()) {
                collect(field.getMessageType(), names, seen);
            }
        }
    }

    @Test
    void everyCallAndEveryFieldIsInTheTable() throws IOException {
        var names = new TreeSet<String>();
        CriCalls.all().forEach(method -> {
            names.add(CriCalls.name(method));
            collect(CriCalls.prototype(method).getDescriptorForType(), names, new java.util.HashSet<>());
        });
        assertThat(rows().keySet()).isEqualTo(names);
    }

    /** Where a field does something a test fails if it does not; where it does nothing the table says why. */
    @Test
    void whatIsHonouredHasTestsThatAreThere() throws IOException {
        Map<String, String> text = tests();
        var wrong = new ArrayList<String>();
        for (Map.Entry<String, Row> row : rows().entrySet()) {
            List<String[]> named = TEST.matcher(row.getValue().tests())
                    .results()
                    .map(test -> new String[] {test.group(1), test.group(2)})
                    .toList();
            boolean without = UNHONOURED.matcher(row.getValue().what()).matches();
            if (without != named.isEmpty()) {
                wrong.add(row.getKey() + (without ? ": has a test and no effect" : ": has no test"));
            }
            for (String[] test : named) {
                if (!isThere(text, test[0], test[1])) {
                    wrong.add(row.getKey() + ": there is no test " + String.join(".", test));
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    private static boolean isThere(Map<String, String> text, String type, String method) {
        return text.getOrDefault(type, "").contains(" void " + method + "(");
    }

    /** Each row about what a stranger sends has a test too. */
    @Test
    void whatIsRefusedHasTestsThatAreThere() throws IOException {
        Map<String, String> text = tests();
        List<String> table = Files.readAllLines(Project.ROOT.resolve("docs/errors.md")).stream()
                .dropWhile(line -> !line.startsWith("## "))
                .filter(line -> line.startsWith("| ") && !line.startsWith("| what"))
                .toList();
        assertThat(table)
                .hasSizeGreaterThan(20)
                .allSatisfy(row -> assertThat(TEST.matcher(row).results())
                        .as(row)
                        .isNotEmpty()
                        .allMatch(test -> isThere(text, test.group(1), test.group(2))));
    }

    /** What is in the test classes of a name. */
    private static Map<String, String> tests() throws IOException {
        var text = new TreeMap<String, String>();
        for (String module : List.of("cri", "images", "network", "shim", "snapshots", "verify", "daemon")) {
            try (Stream<Path> all = Files.walk(Project.ROOT.resolve(module + "/src/test/java"))) {
                for (Path file : all.filter(each -> each.toString().endsWith("Test.java"))
                        .toList()) {
                    text.merge(
                            file.getFileName().toString().replace(".java", ""), Files.readString(file), String::concat);
                }
            }
        }
        return text;
    }
}

package dev.berth.services;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FiltersTest {
    private static final Map<String, String> LABELS = Map.of(
            "foo", "bar",
            "very complex label", "something",
            "a.b/c", "x,y",
            "é", "1");

    private static Optional<String> field(List<String> path) {
        return switch (path.getFirst()) {
            case "name" -> Filters.unlessEmpty("docker.io/library/busybox:1.36");
            case "empty" -> Filters.unlessEmpty("");
            case "labels" -> Filters.in(LABELS, path);
            default -> Optional.empty();
        };
    }

    private static boolean show(String... filters) {
        return Filters.parse(List.of(filters)).show(FiltersTest::field);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '→',
            quoteCharacter = '§',
            value = {
                "name → true",
                "empty → false",
                "nothing → false",
                "labels → false",
                "labels.foo → true",
                "labels.none → false",
                "name==docker.io/library/busybox:1.36 → true",
                "name == \"docker.io/library/busybox:1.36\" → true",
                "name==busybox → false",
                "name!=busybox → true",
                "nothing!=busybox → true",
                "nothing==busybox → false",
                "name~=busybox → true",
                "name~=^busybox → false",
                "name~=/library.busy/ → true",
                "name~=|library/busy| → true",
                "name~=\"box:1\\\\.36$\" → true",
                "name~=/library\\/b/ → true",
                "nothing~=^$ → true",
                "name~=^[[:alpha:].]+/ → true",
                "name~=^[[:^alpha:]] → false",
                "name~=/^[^[:digit:]]+:[[:digit:][:punct:]]+$/ → true",
                "name~=(?P<tag>:1) → true",
                "name~=[]:]1 → true",
                "name~=[[&&:]1 → true",
                "name~=[[:nothing:]]1 → false",
                "name~=\"\\\\Q.io/\\\\E[l]\" → true",
                "name~=^\\p{Latin}+[.] → true",
                "name~=^\\p{Greek} → false",
                "name~=^\\p{Ll}\\p{^Greek}\\P{Greek} → true",
                "name~=^[\\p{Greek}d] → true",
                "name~=^\\144[\\157]\\143 → true",
                "name~=(?i)^DOCKER → true",
                "name~=(?U)^d.*: → true",
                "name~=(?sU-m:^d).+?/ → true",
                "name~=(?<tag>:1) → true",
                "labels.\"é\"~=^{ → false",
                "name~=\"d{|o{a|c{2|k{1}e\" → true",
                "labels.foo==bar,name~=busybox → true",
                "labels.foo==bar, name~=alpine → false",
                "labels.\"very complex label\"==something → true",
                "labels.\"a.b/c\"==\"x,y\" → true",
                "labels.\"\\u00e9\"==1 → true",
                "labels.\"\\xc3\\xa9\"==1 → true",
                "labels.\"\\303\\251\"==1 → true",
                "labels.foo==\"\\x62ar\" → true",
            })
    void meets(String filter, boolean shown) {
        assertThat(show(filter)).as(filter).isEqualTo(shown);
    }

    @Test
    void ofSeveralFiltersOneIsEnoughAndWithoutAnyEverythingIsShown() {
        assertThat(show()).isTrue();
        assertThat(show("")).isTrue();
        assertThat(show("name==a", "labels.foo")).isTrue();
        assertThat(show("name==a", "labels.none")).isFalse();
    }

    @Test
    void aDottedLabelNeedsNoQuotes() {
        assertThat(Filters.parse(List.of("labels.io.x.y==1")).show(path -> Filters.in(Map.of("io.x.y", "1"), path)))
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                " ",
                ",",
                "name==",
                "name=",
                "name=a",
                "name===a",
                "name==a,",
                "name==a b",
                "name ",
                "==a",
                "name..x",
                "name.",
                "name==/a/",
                "labels.|x|",
                "name==\"a",
                "name==\"\\q\"",
                "name==\"\\x1\"",
                "name==\"\\x1g\"",
                "name==\"\\400\"",
                "name==\"\\U00110000\"",
                "name~=/[/",
                "name~=/(x{1000}){1001}/",
                "name~=/(){2000000000}/",
                "name~=/x{0,99999999999}/",
                "name~=(?=d)",
                "name~=(?<!x)d",
                "name~=(?>d)",
                "name~=d++",
                "name~=d{1}+",
                "name~=d*?+",
                "name~=(d)\\1",
                "name~=\\h",
                "name~=\\Z",
                "name~=\\u0064",
                "name~=\\p{javaLowerCase}",
                "name~=[\\h]",
                "name==\"a\"b",
                "näme==a",
                "name==\u0000",
            })
    void refuses(String filter) {
        assertThatThrownBy(() -> show(filter)).isInstanceOfSatisfying(Fault.class, fault -> {
            assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT);
            assertThat(fault).hasMessageContaining("at character ");
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"(x+x+)+y", "(.*.*)*z", "(?:a|b|.)*y{3}", "((x|y)*)*!", "^(([a-z])+.)+[A-Z]([a-z])+$"})
    void givesUpOnWhatTakesTooLong(String expression) {
        String text = "x".repeat(100_000);
        Filters filters = Filters.parse(List.of("name~=/" + expression + "/"));
        assertThatThrownBy(() -> filters.show(_ -> Optional.of(text)))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void saysWhere() {
        assertThatThrownBy(() -> show("name==a,labels.foo=b")).hasMessageContaining("at character 19: expected ==");
    }
}

package dev.berth.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class JsonStringTest {
    @Test
    void oneStringOnOneLine() {
        assertThat(JsonString.of("plain ö 漢")).isEqualTo("\"plain ö 漢\"");
        assertThat(JsonString.of("a\"b\\c")).isEqualTo("\"a\\\"b\\\\c\"");
        assertThat(JsonString.of("\n\r\t\u001b[2J\u2028\u202e\u0000"))
                .isEqualTo("\"\\n\\r\\t\\u001b[2J\\u2028\\u202e\\u0000\"");
        var bare = new StringBuilder();
        JsonString.appendBare("say \"a\\b\"\nERROR", bare);
        assertThat(bare).hasToString("say \"a\\b\"\\nERROR");
    }
}

package dev.berth.network.cni;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"a\":null,\"b\":[1,null,[],{}],\"c\":{\"d\":true}}",
                "{\"n\":18446744073709551615,\"m\":1.50,\"e\":-1E+7}",
                "{\"z\":1,\"a\":2}",
                "{\"s\":\"\\u0001 \\\" \\\\ ü\"}"
            })
    void whatBelongsToOthersPassesThrough(String json) {
        assertThat(read(json)).hasToString(json);
    }

    @Test
    void escapesAndSpaceAreRead() {
        JsonObject read = read(" {\t\"a\" : \"x\\n\\u00e9\\ud83d\\ude00\\/\" ,\r\n \"b\":[ true , false ] } ");
        assertThat(read.text("a")).isEqualTo("x\né😀/");
        assertThat(read(read.toString())).isEqualTo(read);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "{",
                "{\"a\"",
                "{\"a\":",
                "{\"a\":1",
                "{\"a\":1,}",
                "{a:1}",
                "{'a':1}",
                "{\"a\":01}",
                "{\"a\":.5}",
                "{\"a\":1}}",
                "{\"a\":tru}",
                "{\"a\":NaN}",
                "[1]",
                "\"a\"",
                "{\"a\":\"\n\"}",
                "{\"a\":\"\\x\"}",
                "{\"a\":\"\\u12\"}",
                "{\"a\":[1 2]}",
                "{\"a\":\"",
                "null"
            })
    void mistakesAreRefused(String json) {
        assertThatThrownBy(() -> read(json)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theLineOfAMistakeIsTold() {
        assertThatThrownBy(() -> read("{\n \"a\": 1,\n \"b\" 2\n}")).hasMessage("not JSON, line 3: expected :");
    }

    @Test
    void depthIsLimitedAndBadUtf8Refused() {
        assertThatThrownBy(() -> read("{\"a\":" + "[".repeat(100_000))).hasMessageContaining("nested deeper");
        assertThatThrownBy(() -> Json.object(new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'}))
                .hasMessage("not UTF-8");
    }

    private static JsonObject read(String json) {
        return Json.object(json.getBytes(StandardCharsets.UTF_8));
    }
}

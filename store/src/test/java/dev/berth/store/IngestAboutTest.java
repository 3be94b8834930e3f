package dev.berth.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class IngestAboutTest {
    @Test
    void comesBackAsItWas() {
        for (Blobs.Wanted wanted : new Blobs.Wanted[] {
            Blobs.Wanted.ANYTHING,
            Blobs.Wanted.of(StoreRoot.digest("x"), 1),
            new Blobs.Wanted(Optional.empty(), OptionalLong.of(0))
        }) {
            IngestAbout about =
                    new IngestAbout("layer-\"sha256:é\"", wanted, new Blobs.Announced(7, true), StoreRoot.NOW);
            assertThat(IngestAbout.fromText(about.toText())).contains(about);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "\0\0\0",
                "{",
                "{\"ref\":\"a\"",
                "{\"ref\":",
                "[]",
                "7",
                "null",
                "{}",
                "{\"ref\":\"a\"}x"
            })
    void aTornOneIsNone(String text) {
        assertThat(IngestAbout.fromText(text)).isEmpty();
    }

    @Test
    void everyBeginningOfOneIsNone() {
        String text = new IngestAbout(
                        "a", Blobs.Wanted.of(StoreRoot.digest("x"), 1), Blobs.Announced.NOTHING, StoreRoot.NOW)
                .toText();
        for (int length = 0; length < text.length(); length++) {
            assertThat(IngestAbout.fromText(text.substring(0, length)))
                    .as(text.substring(0, length))
                    .isEmpty();
        }
    }
}

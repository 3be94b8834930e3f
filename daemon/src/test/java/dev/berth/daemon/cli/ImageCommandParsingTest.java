package dev.berth.daemon.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is understood, and what somebody hears who is not. */
class ImageCommandParsingTest {
    private static ImageCommand parse(String words) {
        List<String> all = words.isEmpty() ? List.of() : Arrays.asList(words.split(" ", -1));
        return ImageCommand.parse(new Arguments("berth image", all), () -> Path.of("/run/berth/berth.sock"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ls",
                "ls -q --all --format json",
                "--namespace moby ls",
                "ls --address unix:///tmp/x.sock",
                "inspect busybox --platform linux/arm64",
                "history --no-trunc busybox --format=table",
                "tag a b c:1",
                "rm a b --async",
                "prune --all --dry-run",
                "mount busybox /mnt --rw",
                "unmount /mnt",
                "verify a b",
                "pull --user me:se:cret --all-platforms a",
                "pull --platform linux/amd64 --platform=linux/arm64 a",
                "push a registry.example/b:1",
                "load -i x.tar",
                "save a b -o -",
                "rm -- a"
            })
    void whatIsWritten(String words) {
        assertThat(parse(words)).isNotNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "               | wants a word more",
                "lss            | did you mean `berth image ls`?",
                "instpect a     | did you mean `berth image inspect`?",
                "xyzzyplugh     | `berth image --help` lists",
                "ls --quite     | did you mean --quiet?",
                "ls a           | \"a\" is too much",
                "ls --format yaml | --format is json or table",
                "ls --format    | nothing follows --format",
                "ls --format json --format json | is given 2 times",
                "inspect        | there is too little",
                "history --platform linux/ a | it is not os/architecture/variant",
                "tag a          | there is too little",
                "tag a B        | must be in lower case",
                "tag a b@sha256:0000000000000000000000000000000000000000000000000000000000000000 | names a digest",
                "rm --sync --async a | exclude each other",
                "pull A:B:C     | image reference",
                "pull a --platform linux/amd64 --all-platforms | exclude each other",
                "pull a --user :x | --user wants",
                "save           | there is too little",
                "save a -o dir/ --compress gzip | leave one of the two out",
                "mount a        | there is too little",
                "unmount a b    | \"b\" is too much",
                "-n .. ls       | is not a name",
                "rmi a          | did you mean `berth image rm`?",
                "ls --help me   | nothing",
                "help lsx       | did you mean `berth image ls`?"
            })
    void whatIsRefusedWithAWordOfWhatToDo(String words, String said) {
        if (said.equals("nothing")) {
            parse(words == null ? "" : words);
            return;
        }
        assertThatThrownBy(() -> parse(words == null ? "" : words))
                .isInstanceOf(Misuse.class)
                .hasMessageContaining(said);
    }

    @Test
    void everyCommandHasHelp() throws IOException, InterruptedException {
        String all = printed("--help");
        for (String word : List.of(
                "pull", "push", "ls", "inspect", "history", "tag", "rm", "load", "save", "prune", "mount", "unmount",
                "verify")) {
            assertThat(all).contains("berth image " + word);
            assertThat(printed(word + " --help"))
                    .startsWith("berth image " + word)
                    .contains("--address", "--namespace");
            assertThat(printed("help " + word)).isEqualTo(printed(word + " --help"));
        }
        assertThat(all).contains("Exit codes");
    }

    private static String printed(String words) throws IOException, InterruptedException {
        var out = new ByteArrayOutputStream();
        var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
        int exit = parse(words).run(new Terminal(InputStream.nullInputStream(), stream, stream, false));
        assertThat(exit).isZero();
        return out.toString(StandardCharsets.UTF_8);
    }
}

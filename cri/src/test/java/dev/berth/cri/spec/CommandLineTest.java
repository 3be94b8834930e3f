package dev.berth.cri.spec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.ContainerConfig.EnvVar;
import dev.berth.kernel.Fault;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CommandLineTest {
    private final Requests with = new Requests();

    private List<String> args(List<String> command, List<String> args, String image) {
        with.command = command;
        with.args = args;
        return CommandLine.args(with.config(), Requests.image(image));
    }

    @Test
    void theRequestReplacesTheImage() {
        String image = "{\"Entrypoint\":[\"/e\",\"1\"],\"Cmd\":[\"c\"]}";
        assertThat(args(List.of(), List.of(), image)).containsExactly("/e", "1", "c");
        assertThat(args(List.of("x"), List.of(), image))
                .as("and the image's arguments go")
                .containsExactly("x");
        assertThat(args(List.of(), List.of("y"), image)).containsExactly("/e", "1", "y");
        assertThat(args(List.of("x"), List.of("y"), image)).containsExactly("x", "y");
        assertThat(args(List.of(), List.of(), "{\"Cmd\":[\"sh\"]}")).containsExactly("sh");
        assertThat(args(List.of(), List.of("a"), "{}")).containsExactly("a");
        assertThat(args(List.of(), List.of(), "{\"Entrypoint\":[\"\"],\"Cmd\":[\"sh\"]}"))
                .containsExactly("sh");
    }

    @Test
    void nothingToRunIsAClearError() {
        assertThatThrownBy(() -> args(List.of(), List.of(), "{}"))
                .isInstanceOf(Fault.class)
                .hasMessageContaining("nothing to run");
        assertThatThrownBy(() -> args(List.of(""), List.of(), "{}")).isInstanceOf(Fault.class);
        assertThatThrownBy(() -> args(List.of("a\0b"), List.of(), "{}")).isInstanceOf(Fault.class);
    }

    @Test
    void theLastWordAboutAVariableCounts() {
        with.tty = true;
        with.env.add(new EnvVar("A", "request"));
        with.env.add(new EnvVar("HOSTNAME", "mine"));
        with.env.add(new EnvVar("LINES", "a\nb=c"));
        assertThat(CommandLine.env(
                        with.config(),
                        Requests.image("{\"Env\":[\"PATH=/x\",\"A=image\",\"B=\",\"junk\",\"=x\"]}"),
                        "web-0"))
                .containsExactly("PATH=/x", "TERM=xterm", "A=request", "B=", "HOSTNAME=mine", "LINES=a\nb=c");
    }

    @Test
    void withoutAWordThereIsAPathAndAName() {
        assertThat(CommandLine.env(with.config(), Requests.image("{}"), "web-0"))
                .containsExactly("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=web-0");
    }

    @Test
    void badVariablesAreRefused() {
        for (EnvVar bad : List.of(new EnvVar("", "x"), new EnvVar("a=b", "x"), new EnvVar("a", "x\0y"))) {
            with.env = List.of(bad);
            assertThatThrownBy(() -> CommandLine.env(with.config(), Requests.image("{}"), "h"))
                    .isInstanceOfSatisfying(
                            Fault.class, f -> assertThat(f.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
        }
    }

    @ParameterizedTest
    @CsvSource({"'',/app,/app", "'',app/x,/app/x", "'',../../etc,/etc", "/w,/app,/w", "'','',/", "/a/../../b,'',/b"})
    void theDirectoryIsAbsoluteAndPlain(String asked, String image, String result) {
        with.directory = asked;
        assertThat(CommandLine.directory(with.config(), Requests.image("{\"WorkingDir\":\"" + image + "\"}")))
                .isEqualTo(result);
    }

    @ParameterizedTest
    @ValueSource(strings = {"relative", "/proc/self/fd/7", "/proc/self/../1/fd/8/x", "/x/../proc/self/fd/9", "/a\0"})
    void directoriesThatLeadOutAreRefused(String asked) {
        with.directory = asked;
        assertThatThrownBy(() -> CommandLine.directory(with.config(), Requests.image("{}")))
                .isInstanceOf(Fault.class);
    }

    @Test
    void anImageCannotLeadOutEither() {
        assertThatThrownBy(() ->
                        CommandLine.directory(with.config(), Requests.image("{\"WorkingDir\":\"/proc/self/fd/7\"}")))
                .isInstanceOf(Fault.class);
        assertThat(CommandLine.directory(
                        with.config(), Requests.image("{\"WorkingDir\":\"/proc/self/fd/7/../../../../..\"}")))
                .as("written plainly it leads nowhere")
                .isEqualTo("/");
    }
}

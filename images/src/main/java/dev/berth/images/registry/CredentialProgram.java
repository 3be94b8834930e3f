package dev.berth.images.registry;

import dev.berth.kernel.Fault;
import dev.berth.linux.Child;
import dev.berth.linux.Execution;
import dev.berth.linux.LinuxException;
import dev.berth.oci.Adapters;
import io.avaje.json.JsonException;
import io.avaje.jsonb.Json;
import io.avaje.jsonb.Jsonb;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A program {@code docker-credential-NAME} that keeps logins: it is asked with {@code get} and the server's name on its input.
 *
 * @see <a href="https://github.com/docker/docker-credential-helpers">docker-credential-helpers</a>
 */
final class CredentialProgram {
    private static final Execution.Limits LIMITS = new Execution.Limits(Duration.ofSeconds(30), 64 << 10, 4 << 10);
    private static final String TOKEN_USER = "<token>";
    private static final Jsonb JSONB = Adapters.of(Jsonb.builder());

    private final String program;
    private final Map<String, String> environment;

    CredentialProgram(String program, Map<String, String> environment) {
        this.program = program;
        this.environment = environment;
    }

    /** @throws Fault FAILED_PRECONDITION if the name is none */
    static CredentialProgram named(String name) {
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,99}")) {
            throw Fault.precondition(
                    "credential helper \"" + Text.shown(name, 100) + "\"",
                    "it is not a name",
                    "Write what follows docker-credential- in the name of the program");
        }
        return new CredentialProgram("docker-credential-" + name, System.getenv());
    }

    /**
     * Asks for a login.
     *
     * @return empty if the helper has none
     * @throws Fault FAILED_PRECONDITION if the program is not there; UNAVAILABLE if it fails, takes too long or answers nonsense;
     *     CANCELLED if interrupted
     */
    Optional<Credentials.Login> get(String server) {
        Path path = find();
        try {
            Child.Command command = Child.command(path, List.of(program, "get")).environment(environment);
            return switch (Execution.run(command, server.getBytes(StandardCharsets.UTF_8), LIMITS)) {
                case Execution.Outcome.TimedOut(String errors) ->
                    throw failed("it did not answer within " + LIMITS.time().toSeconds() + " s" + said(errors));
                case Execution.Outcome.Ended ended -> login(ended);
            };
        } catch (LinuxException e) {
            throw failed("it cannot be run: " + Text.reason(e)).causedBy(e);
        } catch (InterruptedException e) {
            throw Hosts.cancelled("credential helper " + program, e);
        }
    }

    private Optional<Credentials.Login> login(Execution.Outcome.Ended ended) {
        String output = ended.output();
        if (!ended.status().isSuccess()) {
            if (output.toLowerCase(Locale.ROOT).contains("credentials not found")) {
                return Optional.empty();
            }
            String words = output.isBlank() ? ended.errors() : output;
            throw failed("it ended with " + ended.status().number() + said(words));
        }
        try {
            Answer answer = JSONB.type(Answer.class).fromJson(output);
            if (answer != null && answer.secret != null && !answer.secret.isEmpty()) {
                String user = answer.username == null ? "" : answer.username;
                return Optional.of(
                        user.equals(TOKEN_USER)
                                ? new Credentials.Login.IdentityToken(answer.secret)
                                : new Credentials.Login.Password(user, answer.secret));
            }
            return Optional.empty();
        } catch (JsonException e) {
            throw failed("its answer is not the JSON expected"); // without a cause: that might show the secret
        }
    }

    private Path find() {
        for (String folder :
                environment.getOrDefault("PATH", "/usr/local/bin:/usr/bin:/bin").split(":", -1)) {
            Path candidate = Path.of(folder.isEmpty() ? "/" : folder, program);
            if (candidate.isAbsolute() && Files.isExecutable(candidate)) {
                return candidate;
            }
        }
        throw Fault.precondition(
                "credential helper " + program,
                "there is no such program on PATH",
                "Install it, or take it out of Docker's config.json");
    }

    private static String said(String words) {
        return words.isBlank() ? "" : " (" + Text.shown(words, 200) + ")";
    }

    private Fault failed(String why) {
        return Fault.unavailable("credential helper " + program, why, "Run it by hand to see what it lacks");
    }

    /** What a helper says. */
    @Json
    record Answer(
            @Json.Property("Username") @Nullable String username,
            @Json.Property("Secret") @Nullable String secret) {
        @Override
        public String toString() {
            return "Answer[" + username + "]";
        }
    }
}

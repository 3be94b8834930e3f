package dev.berth.images.registry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Credentials.Login;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Pauses;
import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who is shown which login, against a registry and a token server that are hard to please. */
class LoginTest {
    private static final String BASIC = "Basic bWU6c2VjcmV0"; // me:secret
    private static final Login ME = new Login.Password("me", "secret");

    private final Faults faults = new Faults();
    private final AtomicLong now = new AtomicLong();
    private final LayerBuilder.Layer layer =
            new LayerBuilder().file("a", 0644, "a".repeat(300_000)).plain();
    private final ImageBuilder.Built image = new ImageBuilder().layer(layer).build();
    private final ServedRegistry registry;
    private final List<RegistryClient> clients = new ArrayList<>();
    private final List<String> forms = new CopyOnWriteArrayList<>();
    private final Path root;

    LoginTest(@TempDir Path root) throws IOException {
        this.root = root;
        registry = ServedRegistry.start(faults).add("team/app", "v1", image);
    }

    @AfterEach
    void stop() {
        clients.forEach(RegistryClient::close);
        registry.close();
    }

    private Repository repository(Credentials credentials) {
        return repository(registry.authority(), credentials, RegistrySettings.DEFAULT);
    }

    private Repository repository(String domain, Credentials credentials, RegistrySettings settings) {
        var limit = Duration.ofMinutes(2);
        var patience = new Patience(limit, limit, limit, 3, new Pauses(Duration.ofMillis(1), Duration.ofMillis(2)));
        var client = new RegistryClient(settings.with(patience), new Ticker() {
            @Override
            public long nanos() {
                return now.get();
            }

            @Override
            public void sleep(Duration time) {
                now.addAndGet(time.toNanos());
            }
        });
        clients.add(client);
        return client.repository(Reference.parse(domain + "/team/app:v1"), credentials);
    }

    private void challenge(String needed, String challenge) {
        faults.always(
                it -> !needed.equals(it.getRequestHeaders().getFirst("Authorization"))
                        && it.getRequestURI().getPath().startsWith("/v2/"),
                Faults.status(401, "WWW-Authenticate", challenge));
    }

    private String bearer(String realmAt) {
        return "Bearer realm=\"http://" + realmAt + "/token\",service=\"berth\"";
    }

    private static Faults.Misdeed json(String json) {
        return Faults.reply(200, "application/json", json.getBytes(UTF_8));
    }

    private static void refused(Fault.Code code, String why, Repository repository) {
        assertThatThrownBy(repository::manifest)
                .isInstanceOfSatisfying(
                        Fault.class,
                        fault -> assertThat(fault.code()).as(fault.getMessage()).isEqualTo(code))
                .hasMessageContaining(why);
    }

    @Test
    void basic() {
        challenge(BASIC, "Basic realm=\"x\"");
        assertThat(repository(Credentials.of("", ME)).manifest().descriptor()).isEqualTo(image.target());
        assertThat(repository(Credentials.of(registry.authority(), ME)).head()).contains(image.target());
        assertThat(repository(Credentials.of("https://" + registry.authority() + "/v2/", ME))
                        .head())
                .contains(image.target());
        refused(Fault.Code.UNAUTHENTICATED, "login", repository(Credentials.of("elsewhere:5000", ME)));
        refused(Fault.Code.UNAUTHENTICATED, "login", repository(Credentials.of("", new Login.Password("me", "wrong"))));
    }

    @Test
    void aRegistryTokenAsItIs() {
        challenge("Bearer given", bearer(registry.authority()));
        assertThat(repository(Credentials.of("", new Login.RegistryToken("given")))
                        .manifest()
                        .descriptor())
                .isEqualTo(image.target());
        refused(
                Fault.Code.UNAUTHENTICATED,
                "needs another login",
                repository(Credentials.of("", new Login.RegistryToken("old"))));
        assertThat(faults.count("/token")).isZero();
    }

    @Test
    void anIdentityTokenByPostAndItsSuccessor() {
        String[] needed = {"Bearer t1"};
        faults.always("/token", exchange -> {
            forms.add(URLDecoder.decode(new String(exchange.getRequestBody().readAllBytes(), UTF_8), UTF_8));
            String n = Integer.toString(forms.size());
            json("{\"access_token\":\"t" + n + "\",\"refresh_token\":\"id" + (forms.size() + 1)
                            + "\",\"expires_in\":100}")
                    .answer(exchange);
        });
        faults.always(
                it -> !needed[0].equals(it.getRequestHeaders().getFirst("Authorization")),
                Faults.status(
                        401,
                        "WWW-Authenticate",
                        bearer(registry.authority()) + ",scope=\"repository:team/app:pull repository:base/x:pull\""));
        var repository = repository(Credentials.of("", new Login.IdentityToken("id1")));
        repository.manifest();
        assertThat(forms)
                .containsExactly("grant_type=refresh_token&client_id=berth&service=berth"
                        + "&scope=repository:team/app:pull repository:base/x:pull&refresh_token=id1");
        now.addAndGet(Duration.ofSeconds(95).toNanos()); // almost over is over
        needed[0] = "Bearer t2";
        repository.manifest();
        assertThat(forms).hasSize(2).last().asString().endsWith("&refresh_token=id2");
        assertThat(faults.count("POST /token")).isEqualTo(2);
        assertThat(faults.count("Authorization=Bearer t1")).isEqualTo(1);
    }

    /** Some servers of OAuth 2 know no GET. */
    @Test
    void aTokenServerThatWantsTheLoginPosted() {
        int[] status = {405};
        faults.always("/token", exchange -> {
            String form = URLDecoder.decode(new String(exchange.getRequestBody().readAllBytes(), UTF_8), UTF_8);
            if (exchange.getRequestMethod().equals("POST")) {
                forms.add(form);
                json("{\"access_token\":\"t\"}").answer(exchange);
            } else {
                Faults.status(status[0]).answer(exchange);
            }
        });
        challenge("Bearer t", bearer(registry.authority()));
        assertThat(repository(Credentials.of("", ME)).manifest().descriptor()).isEqualTo(image.target());
        assertThat(forms)
                .containsExactly("grant_type=password&client_id=berth&service=berth&scope=repository:team/app:pull"
                        + "&username=me&password=secret");
        status[0] = 401; // who refuses the login is not shown it again
        refused(Fault.Code.UNAUTHENTICATED, "login", repository(Credentials.of("", ME)));
        assertThat(forms).hasSize(1);
    }

    @Test
    void aFreshTokenInTheMiddleOfABlob() {
        String[] needed = {"Bearer t1"};
        int[] given = {0};
        faults.always(
                "/token",
                exchange -> json("{\"token\":\"t" + ++given[0] + "\"}").answer(exchange));
        faults.always(
                it -> it.getRequestURI().getPath().startsWith("/v2/")
                        && !needed[0].equals(it.getRequestHeaders().getFirst("Authorization")),
                Faults.status(401, "WWW-Authenticate", bearer(registry.authority())));
        faults.next(1, "/blobs/", exchange -> {
            needed[0] = "Bearer t2"; // the first is worth nothing any more
            Faults.truncated(layer.bytes(), 100_000).answer(exchange);
        });
        assertThat(Received.all(repository(Credentials.ANONYMOUS).blob(layer.descriptor(), 0)))
                .isEqualTo(layer.bytes());
        assertThat(given[0]).isEqualTo(2);
        assertThat(faults.seen())
                .anyMatch(it -> it.contains("Range=bytes=100000-") && it.contains("Authorization=Bearer t2"));
    }

    @Test
    void aTokenThatIsSaidToLastForEver() {
        faults.always("/token", json("{\"token\":\"t\",\"expires_in\":9223372036854775807}"));
        challenge("Bearer t", bearer(registry.authority()));
        Repository repository = repository(Credentials.ANONYMOUS);
        assertThat(repository.manifest().descriptor()).isEqualTo(image.target());
        assertThat(repository.head()).contains(image.target());
        assertThat(faults.count("/token")).isEqualTo(1);
    }

    @Test
    void asksForAllScopesOfAChallenge() {
        faults.always("/token", json("{\"token\":\"t\",\"expires_in\":60}"));
        challenge(
                "Bearer t",
                bearer(registry.authority()) + ",scope=\"repository:team/app:pull,push repository:base/x:pull\"");
        repository(Credentials.ANONYMOUS).manifest();
        assertThat(faults.seen())
                .anyMatch(it -> it.contains("scope=repository%3Ateam%2Fapp%3Apull%2Cpush&scope=repository%3Abase"));
    }

    @Test
    void aPassThatTurnsOutToBeGoodForTooLittle() {
        faults.always(
                it -> it.getRequestURI().getPath().equals("/token")
                        && it.getRequestURI().getRawQuery().contains("base"),
                json("{\"token\":\"more\"}"));
        faults.always("/token", json("{\"token\":\"t\"}"));
        faults.always(
                it -> "Bearer t".equals(it.getRequestHeaders().getFirst("Authorization")),
                Faults.status(
                        401,
                        "WWW-Authenticate",
                        bearer(registry.authority()) + ",scope=\"repository:base/x:pull\",error=insufficient_scope"));
        challenge("Bearer more", bearer(registry.authority()));
        assertThat(repository(Credentials.ANONYMOUS).manifest().descriptor()).isEqualTo(image.target());
        assertThat(faults.count("/token")).isEqualTo(2);
    }

    @Test
    void aPassThatIsNeverGoodForEnough() {
        faults.always("/token", json("{\"token\":\"t\"}"));
        challenge("Bearer more", bearer(registry.authority()) + ",error=\"insufficient_scope\"");
        refused(Fault.Code.UNAUTHENTICATED, "login", repository(Credentials.ANONYMOUS));
        assertThat(faults.count("/token")).isLessThan(4);
    }

    @Test
    void aTokenServerThatLoops() {
        faults.always("/token", json("{\"token\":\"never\"}"));
        challenge("Bearer other", bearer(registry.authority()));
        refused(Fault.Code.UNAUTHENTICATED, "login", repository(Credentials.ANONYMOUS));
        assertThat(faults.count("/token")).isEqualTo(1);
    }

    @Test
    void aTokenServerThatRedirectsForEver() {
        faults.always("/token", Faults.status(302, "Location", "/token?again"));
        challenge("Bearer other", bearer(registry.authority()));
        refused(Fault.Code.UNAVAILABLE, "circle", repository(Credentials.ANONYMOUS));
        assertThat(faults.count("/token")).isLessThan(20);
    }

    @Test
    void aTokenServerThatIsNone() {
        challenge("Bearer other", bearer(registry.authority()));
        faults.next(1, "/token", Faults.html());
        refused(Fault.Code.UNAVAILABLE, "not the JSON expected", repository(Credentials.ANONYMOUS));
        faults.next(1, "/token", json("{\"token\":\"" + "x".repeat(2 << 20) + "\"}"));
        refused(Fault.Code.UNAVAILABLE, "more than", repository(Credentials.ANONYMOUS));
        faults.next(1, "/token", json("{\"token\":\"a\\u0000b\"}"));
        refused(Fault.Code.UNAVAILABLE, "no token", repository(Credentials.ANONYMOUS));
        for (int status : new int[] {400, 404, 405, 410}) { // says nothing of the image
            faults.next(1, "/token", Faults.status(status));
            refused(Fault.Code.UNAVAILABLE, "answers with status " + status, repository(Credentials.ANONYMOUS));
        }
        faults.next(1, "/token", Faults.status(401));
        refused(Fault.Code.UNAUTHENTICATED, "login", repository(Credentials.ANONYMOUS));
        faults.next(1, "/token", Faults.status(403));
        refused(Fault.Code.PERMISSION_DENIED, "access is denied", repository(Credentials.ANONYMOUS));
        faults.next(2, "/token", Faults.status(503));
        faults.next(1, "/token", json("{\"token\":\"other\"}"));
        assertThat(repository(Credentials.ANONYMOUS).manifest().descriptor()).isEqualTo(image.target());
    }

    @Test
    void aTokenServerThatSendsTheLoginElsewhere() throws IOException {
        var strange = new Faults().always("/token", json("{\"token\":\"t\"}"));
        try (var stranger = ServedRegistry.start(strange)) {
            faults.always("/token", Faults.status(307, "Location", "http://" + stranger.authority() + "/token"));
            challenge("Bearer t", bearer(registry.authority()));
            repository(Credentials.of("", ME)).manifest();
            assertThat(strange.seen()).hasSize(1).noneMatch(it -> it.contains("Authorization"));
            refused(
                    Fault.Code.UNAVAILABLE,
                    "must not see the credentials",
                    repository(Credentials.of("", new Login.IdentityToken("id"))));
            assertThat(strange.seen()).hasSize(1);
        }
    }

    @Test
    void aLoginIsNotForMirrorsUnlessTheOwnerSaysSo() throws IOException {
        challenge(BASIC, "Basic realm=\"x\"");
        Path directory = Files.createDirectories(root.resolve("hub.example"));
        Files.writeString(
                directory.resolve("hosts.toml"),
                "server = \"http://127.0.0.1:1\"\n[host.\"http://" + registry.authority() + "\"]\n");
        var settings = RegistrySettings.DEFAULT.withHosts(List.of(root));
        for (String server : List.of("", "hub.example")) {
            var login = Credentials.of(server, ME);
            assertThatThrownBy(() -> repository("hub.example", login, settings).manifest());
            assertThat(faults.count(BASIC)).isZero();
        }
        var toMirrors = settings.withLogins(Credentials.ANONYMOUS, true);
        assertThat(repository("hub.example", Credentials.of("", ME), toMirrors).head())
                .contains(image.target());
        var ofTheMirror = settings.withLogins(Credentials.of(registry.authority(), ME), false);
        assertThat(repository("hub.example", Credentials.ANONYMOUS, ofTheMirror).head())
                .contains(image.target());
    }

    @Test
    void dockersConfigAndItsHelpers() throws IOException {
        Path file = root.resolve("config.json");
        var docker = new DockerConfig(file);
        var app = new Credentials.Asked("r.example:5000", "r.example:5000", "team/app", false);
        var hub = new Credentials.Asked("registry-1.docker.io", "docker.io", "library/x", false);
        assertThat(docker.login(app)).isEmpty();
        Files.writeString(file, """
                {"auths": {
                  "https://index.docker.io/v1/": {"auth": "bWU6c2VjcmV0"},
                  "r.example:5000": {"username": "general", "password": "g"},
                  "r.example:5000/team": {"identitytoken": "id", "auth": "bWU6c2VjcmV0"},
                  "t.example": {"registrytoken": "rt"},
                  "bad.example": {"auth": "%%%"},
                  "empty.example": {}
                 }, "HttpHeaders": {"x": "y"}}""");
        assertThat(docker.login(hub)).contains(ME);
        assertThat(docker.login(app)).contains(new Login.IdentityToken("id"));
        assertThat(docker.login(new Credentials.Asked("r.example:5000", "r.example:5000", "teammate", false)))
                .contains(new Login.Password("general", "g"));
        assertThat(docker.login(new Credentials.Asked("mirror", "docker.io", "library/x", true)))
                .isEmpty();
        assertThat(docker.login(of("t.example"))).contains(new Login.RegistryToken("rt"));
        assertThat(docker.login(of("empty.example"))).isEmpty();
        assertThatThrownBy(() -> docker.login(of("bad.example"))).hasMessageContaining("base64");
        Files.writeString(
                file, "{\"auths\": {\"r.example\": {\"auth\": \"bWU6c2Vj\\ncmV0\\n\"}}}"); // as base64 folds it
        assertThat(docker.login(of("r.example"))).contains(ME);
        Files.writeString(
                file,
                "{\"credsStore\": \"bt-not-there\", \"credHelpers\": {\"r.example\": \"\"},"
                        + " \"auths\": {\"r.example\": {\"auth\": \"bWU6c2VjcmV0\"}}}");
        assertThat(docker.login(of("r.example"))).contains(ME);
        Files.writeString(file, "\n");
        assertThat(docker.login(app)).isEmpty();
        Files.writeString(file, "{nonsense");
        assertThatThrownBy(() -> docker.login(app))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining(file.toString());
        Files.writeString(file, "{\"credHelpers\": {\"r.example:5000\": \"../evil\"}}");
        assertThatThrownBy(() -> docker.login(app)).hasMessageContaining("not a name");
        Files.writeString(file, "{\"credsStore\": \"bt-not-there\"}");
        assertThatThrownBy(() -> docker.login(app)).hasMessageContaining("no such program on PATH");
    }

    private static Credentials.Asked of(String host) {
        return new Credentials.Asked(host, host, "x", false);
    }

    @Test
    void helpersAreAskedWithLimits() throws IOException {
        helper("read s; printf '{\"ServerURL\":\"%s\",\"Username\":\"u-%s\",\"Secret\":\"p\"}' \"$s\" \"$s\"");
        assertThat(helper().get("r.example")).contains(new Login.Password("u-r.example", "p"));
        helper("echo '{\"Username\":\"<token>\",\"Secret\":\"id\"}'");
        assertThat(helper().get("r.example")).contains(new Login.IdentityToken("id"));
        helper("echo 'credentials not found in native keychain'; exit 1");
        assertThat(helper().get("r.example")).isEmpty();
        helper("echo 'no session' >&2; exit 3");
        assertThatThrownBy(() -> helper().get("r.example"))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE))
                .hasMessageContaining("it ended with 3 (no session)");
        helper("yes secretsecret | head -c 1000000");
        assertThatThrownBy(() -> helper().get("r.example"))
                .hasMessageContaining("JSON")
                .hasMessageNotContaining("secretsecret");
    }

    private CredentialProgram helper() {
        return new CredentialProgram("docker-credential-bt", Map.of("PATH", root + ":" + System.getenv("PATH")));
    }

    private void helper(String script) throws IOException {
        Path program = root.resolve("docker-credential-bt");
        Files.writeString(program, "#!/bin/sh\n" + script + "\n");
        assertThat(program.toFile().setExecutable(true)).isTrue();
    }

    @Test
    void noSecretIsEverText() {
        assertThat(Arrays.asList(
                                Credentials.of("r", ME),
                                Credentials.of("r", new Login.IdentityToken("secret")),
                                new TokenServer.Pass("secret", Duration.ZERO, Optional.of("secret")),
                                new DockerConfig.Entry("secret", "me", "secret", "secret", "secret"))
                        .toString())
                .contains("me")
                .doesNotContain("secret");
    }
}

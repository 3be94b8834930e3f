package dev.berth.images.registry;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Ticker;
import dev.berth.oci.Reference;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a caller reads who wants to know what is said to a registry. */
class TranscriptTest {
    private final Faults faults = new Faults();
    private final LayerBuilder.Layer layer =
            new LayerBuilder().file("a", 0644, "content".repeat(1000)).plain();
    private final ImageBuilder.Built image = new ImageBuilder().layer(layer).build();
    private final ServedRegistry registry;
    private final RegistryClient client = new RegistryClient(Optional.empty(), Patience.DEFAULT, Ticker.system());
    private final List<String> told = new CopyOnWriteArrayList<>();

    TranscriptTest() throws IOException {
        registry = ServedRegistry.start(faults).add("app", "1", image);
    }

    @AfterEach
    void stop() {
        client.close();
        registry.close();
    }

    private Repository repository(boolean messages, boolean times, Map<String, String> headers) {
        var me = Credentials.of("", new Credentials.Login.Password("me", "very-secret"));
        var access = new Access(me, Optional.empty(), Access.Scheme.USUAL, headers)
                .with(new Transcript(messages, times, told::add));
        return client.repository(Reference.parse(registry.authority() + "/app:1"), access);
    }

    private String text() {
        assertThat(told).allMatch(it -> it.endsWith("\n"));
        return String.join("", told);
    }

    private void readLayer(Repository repository) {
        try (Blob blob = repository.blob(layer.descriptor(), 0)) {
            while (blob.next() != null) {
                // to its end
            }
        }
    }

    @Test
    void requestsAnswersAndBodiesThatAreText() {
        Repository repository = repository(true, false, Map.of("x-team", "a"));
        repository.manifest();
        assertThat(text())
                .contains("GET /v2/app/manifests/1 HTTP/1.1\nHost: " + registry.authority() + "\n")
                .contains("x-team: a\n")
                .contains("HTTP/1.1 200\n")
                .containsIgnoringCase("content-type: application/vnd.oci.image.index.v1+json\n")
                .contains(image.manifest().digest().toString());
        told.clear();
        readLayer(repository);
        assertThat(text())
                .contains("/blobs/" + layer.descriptor().digest())
                .contains("[" + layer.bytes().length + " bytes, not shown]")
                .doesNotContain("contentcontent");
    }

    @Test
    void noLoginAndNoToken() {
        faults.always("/token", Faults.reply(200, "application/json", """
                {"token": "tok\\"en-of-mine", "access_token":"token-of-mine", "expires_in": 300}""".getBytes(UTF_8)));
        faults.always(
                it -> it.getRequestURI().getPath().startsWith("/v2/")
                        && !it.getRequestHeaders().containsKey("Authorization"),
                Faults.status(
                        401,
                        "WWW-Authenticate",
                        "Bearer realm=\"http://" + registry.authority()
                                + "/token?secret_hint=mine-too\",service=\"x\""));
        faults.next(1, "/blobs/", Faults.status(307, "Location", "/elsewhere?a=b&X-Amz-Signature=signed-by-me"));
        Repository repository = repository(true, true, Map.of("x-api-key", "key-of-mine"));
        repository.manifest();
        assertThatThrownBy(() -> readLayer(repository)).isInstanceOf(Fault.class);
        assertThat(text())
                .contains("GET /token?")
                .contains("Authorization: Basic [hidden]\n")
                .contains("Authorization: Bearer [hidden]\n")
                .contains("\"token\": \"[hidden]\", \"access_token\":\"[hidden]\", \"expires_in\": 300")
                .contains("GET /elsewhere?a=b&X-Amz-Signature=[hidden] HTTP/1.1\n")
                .contains("x-api-key: [hidden]\n")
                .doesNotContain("very-secret", "en-of-mine", "key-of-mine", "signed-by-me", "mine-too")
                .doesNotContain("bWU6"); // me:, in base64
    }

    @Test
    void howEachRequestWent() {
        repository(false, true, Map.of()).manifest();
        assertThat(text())
                .matches("GET http://" + registry.authority() + "/v2/app/manifests/1: 200 over HTTP/1\\.1 from "
                        + registry.authority() + " after [0-9]+ ms\n");
        registry.close();
        told.clear();
        assertThatThrownBy(() -> repository(false, true, Map.of()).manifest()).isInstanceOf(Fault.class);
        assertThat(told).isNotEmpty().allMatch(it -> it.contains("/v2/app/manifests/1: no answer after "));
    }
}

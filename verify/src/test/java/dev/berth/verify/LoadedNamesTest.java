package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.StringValue;
import dev.berth.images.sample.Busybox;
import dev.berth.wire.containerd.events.EventsGrpc;
import dev.berth.wire.containerd.events.PublishRequest;
import dev.berth.wire.containerd.events.SubscribeRequest;
import dev.berth.wire.shim.events.NamespaceCreate;
import dev.berth.wire.shim.types.Envelope;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * {@code berth image load} gives names to images and to nothing else, not for a moment: whoever is killed during it leaves no name that
 * would keep the archive's own index for ever. So it is looked at what the daemon tells of, which is every name that there ever was.
 */
@ExtendWith(Leaks.class)
class LoadedNamesTest {
    private static final String NAMESPACE = "btloaded";
    private static final String OVER = "/bt/over";

    private Berth berth;

    @BeforeEach
    void start() throws IOException, InterruptedException {
        Peers.need("crictl"); // by which the daemon is seen to answer
        berth = Berth.start();
    }

    @AfterEach
    void stop() throws IOException {
        if (berth != null) {
            berth.close();
        }
    }

    private Berth.Result image(String... words) {
        var command = new ArrayList<>(List.of(Project.ROOT.resolve("berth").toString(), "image"));
        command.addAll(List.of(words));
        command.addAll(
                List.of("--namespace", NAMESPACE, "--config", berth.config().toString()));
        return Berth.run(command);
    }

    /** What is told to one who listens. */
    private static final class Ear implements StreamObserver<Envelope> {
        private final Queue<Envelope> heard = new ConcurrentLinkedQueue<>();

        @Override
        public void onNext(Envelope event) {
            heard.add(event);
        }

        @Override
        public void onError(Throwable end) {
            onCompleted();
        }

        @Override
        public void onCompleted() {
            heard.removeIf(_ -> false); // the test is over
        }

        boolean has(String topic) {
            return heard.stream().anyMatch(it -> it.getTopic().equals(topic));
        }

        List<String> names() {
            return heard.stream()
                    .filter(it -> it.getTopic().equals("/images/create"))
                    .map(it -> name(it.getEvent()))
                    .toList();
        }
    }

    /** The name of an image is the first field of what is told, and nothing else is looked at. */
    private static String name(Any event) {
        try {
            return StringValue.parseFrom(event.getValue()).getValue();
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError(e);
        }
    }

    /** All names that there ever were while an archive was loaded. */
    private List<String> namedBy(Path archive) throws InterruptedException {
        try (RawApi api = new RawApi(berth.state().resolve("berth.sock"))) {
            var ear = new Ear();
            var events = EventsGrpc.newBlockingStub(api.in(NAMESPACE, ""));
            EventsGrpc.newStub(api.in(NAMESPACE, ""))
                    .subscribe(
                            SubscribeRequest.newBuilder()
                                    .addFilters("namespace==" + NAMESPACE)
                                    .build(),
                            ear);
            Berth.until("it listens", Berth.LIMIT, () -> {
                var _ = events.publish(said("/bt/ready"));
                return ear.has("/bt/ready");
            });
            image("load", "--quiet", "-i", archive.toString()).text();
            var _ = events.publish(said(OVER));
            Berth.until("all is told", Berth.LIMIT, () -> ear.has(OVER));
            return ear.names();
        }
    }

    private static PublishRequest said(String topic) {
        return PublishRequest.newBuilder()
                .setTopic(topic)
                .setEvent(Any.newBuilder()
                        .setTypeUrl("containerd.events.NamespaceCreate")
                        .setValue(NamespaceCreate.getDefaultInstance().toByteString()))
                .build();
    }

    @Test
    void onlyImagesAreEverNamed() throws Exception {
        String name = berth.image("busybox");
        image("pull", "--quiet", name).text();
        Path layout = berth.folder().resolve("layout");
        image("save", "--quiet", "-o", layout + "/", name).text();
        image("rm", name).text();
        assertThat(namedBy(Path.of(layout + "/"))).containsExactly(name);

        image("rm", name).text();
        Path index = layout.resolve("index.json");
        String text = Files.readString(index);
        Files.writeString(index, text.replaceAll(",?\"annotations\":\\{[^}]*}", ""));
        assertThat(Files.readString(index)).isNotEqualTo(text);
        String image = text.replaceAll("(?s).*\"digest\":\"(sha256:[0-9a-f]{64})\".*", "$1");
        assertThat(namedBy(Path.of(layout + "/"))).as("what has no name").containsExactly("localhost/loaded@" + image);
        assertThat(image("verify", "localhost/loaded@" + image).text()).contains("whole");
    }

    @Test
    void ofSeveralSomeMayHaveNoName() throws Exception {
        String name = berth.image("busybox");
        berth.registry().add("other", "latest", Busybox.image().env("OTHER=yes").build());
        String other = berth.image("other");
        image("pull", "--quiet", name).text();
        image("pull", "--quiet", other).text();
        Path layout = berth.folder().resolve("two");
        image("save", "--quiet", "-o", layout + "/", name, other).text();
        image("rm", name, other).text();
        Path index = layout.resolve("index.json");
        String text = Files.readString(index);
        Files.writeString(index, text.replaceFirst(",?\"annotations\":\\{[^}]*/other[^}]*}", ""));
        assertThat(Files.readString(index)).isNotEqualTo(text);
        assertThat(namedBy(Path.of(layout + "/")))
                .hasSize(2)
                .contains(name)
                .anyMatch(it -> it.startsWith("localhost/loaded@sha256:"));
    }
}

package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.berth.wire.containerd.events.EventsGrpc;
import dev.berth.wire.containerd.events.ForwardRequest;
import dev.berth.wire.containerd.events.PublishRequest;
import dev.berth.wire.containerd.events.SubscribeRequest;
import dev.berth.wire.shim.events.NamespaceCreate;
import dev.berth.wire.shim.types.Envelope;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** What clients have to say themselves, published or passed on, and who hears it: every field of every envelope, beside containerd. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class ToldEventsTest {
    private static final Timestamp THEN =
            Timestamp.newBuilder().setSeconds(1_234_567).setNanos(89).build();
    private static final String READY = "/bt/ready";
    private static final String OVER = "/bt/over";

    private CtrPair pair;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CtrPair.start();
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            pair.close();
        }
    }

    /** One who listens. */
    private static final class Ear implements StreamObserver<Envelope> {
        private final Queue<Envelope> heard = new ConcurrentLinkedQueue<>();
        private volatile String end = "";

        @Override
        public void onNext(Envelope event) {
            heard.add(event);
        }

        @Override
        public void onError(Throwable failure) {
            end = Status.fromThrowable(failure).getCode().toString();
        }

        @Override
        public void onCompleted() {
            end = "completed";
        }

        boolean has(String topic) {
            return heard.stream().anyMatch(it -> it.getTopic().equals(topic));
        }

        /** Without what only tells when to begin and to end, and with the times that were given by the daemon left out. */
        List<String> all() {
            return heard.stream()
                    .filter(it -> !it.getTopic().startsWith("/bt/"))
                    .map(it -> it.getTimestamp().getSeconds() > THEN.getSeconds() * 100
                            ? it.toBuilder().clearTimestamp().build() + "a time of today"
                            : it.toString())
                    .toList();
        }
    }

    private interface Saying {
        void say(Talk talk);
    }

    /** A client that talks, and what its calls came to. */
    private record Talk(Channel channel, RawApi api, List<String> ends) {
        void publish(String topic, Any event) {
            ends.add(end(() -> EventsGrpc.newBlockingStub(channel)
                    .publish(PublishRequest.newBuilder()
                            .setTopic(topic)
                            .setEvent(event)
                            .build())));
        }

        void forward(Envelope envelope) {
            ends.add(end(() -> EventsGrpc.newBlockingStub(channel)
                    .forward(ForwardRequest.newBuilder().setEnvelope(envelope).build())));
        }
    }

    private interface Call {
        Object make();
    }

    private static String end(Call call) {
        try {
            return call.make().toString();
        } catch (StatusRuntimeException e) {
            return e.getStatus().getCode().toString();
        }
    }

    /** What one with these filters hears at each daemon must be the same, and how the calls of who talks ended. */
    private void same(List<String> filters, Saying saying) throws InterruptedException {
        List<List<String>> heard = new ArrayList<>();
        for (Ctr ctr : List.of(pair.theirs(), pair.ours())) {
            try (RawApi api = new RawApi(ctr.socket())) {
                Talk talk = new Talk(api.in("bt-talk", ""), api, new ArrayList<>());
                Ear ear = listen(api, filters);
                saying.say(talk);
                tellUntil(ear, OVER, talk.channel);
                heard.add(ear.all());
                heard.add(talk.ends);
            }
        }
        assertThat(heard.get(2)).as("heard").isEqualTo(heard.get(0));
        assertThat(heard.get(3)).as("how the calls ended").isEqualTo(heard.get(1));
    }

    private static Ear listen(RawApi api, List<String> filters) throws InterruptedException {
        Ear ear = new Ear();
        SubscribeRequest.Builder request = SubscribeRequest.newBuilder().addAllFilters(filters);
        if (!filters.isEmpty()) {
            request.addFilters("topic==\"" + READY + "\"").addFilters("topic==\"" + OVER + "\"");
        }
        EventsGrpc.newStub(api.nobody()).subscribe(request.build(), ear);
        tellUntil(ear, READY, api.in("bt-talk", ""));
        return ear;
    }

    private static void tellUntil(Ear ear, String topic, Channel channel) throws InterruptedException {
        Berth.until("it is heard: " + topic, Berth.LIMIT, () -> {
            assertThat(ear.end).isEmpty();
            end(() -> EventsGrpc.newBlockingStub(channel)
                    .publish(PublishRequest.newBuilder()
                            .setTopic(topic)
                            .setEvent(created("x"))
                            .build()));
            return ear.has(topic);
        });
    }

    private static Any created(String name) {
        return Any.newBuilder()
                .setTypeUrl("containerd.events.NamespaceCreate")
                .setValue(NamespaceCreate.newBuilder()
                        .setName(name)
                        .putLabels("a", "b")
                        .build()
                        .toByteString())
                .build();
    }

    private static Envelope.Builder envelope(String namespace, String topic, Any event) {
        return Envelope.newBuilder()
                .setTimestamp(THEN)
                .setNamespace(namespace)
                .setTopic(topic)
                .setEvent(event);
    }

    private static final Any OF_NO_KIND = Any.newBuilder()
            .setTypeUrl("example.com/nobody.Knows")
            .setValue(ByteString.copyFromUtf8("\0\1bytes"))
            .build();

    @Test
    void published() throws InterruptedException {
        same(List.of(), talk -> {
            talk.publish("/one/two", created("n"));
            talk.publish("/one", OF_NO_KIND);
            talk.publish("/one", Any.getDefaultInstance());
            talk.publish("/one/two-three_four.five", created("n"));
        });
    }

    @Test
    void publishedInVain() throws InterruptedException {
        same(List.of(), talk -> {
            for (String topic : List.of("", "/", "one", "/one/", "//one", "/one/-x", "/ö", "/one two", "/one/../two")) {
                talk.publish(topic, created("n"));
            }
            Talk nobody = new Talk(talk.api.nobody(), talk.api, talk.ends);
            nobody.publish("/one", created("n"));
            Talk odd = new Talk(talk.api.in("not/a/name", ""), talk.api, talk.ends);
            odd.publish("/one", created("n"));
        });
    }

    @Test
    void passedOn() throws InterruptedException {
        same(List.of(), talk -> {
            talk.forward(envelope("elsewhere", "/one/two", created("n")).build());
            talk.forward(envelope("elsewhere", "/one", OF_NO_KIND).build());
            talk.forward(
                    envelope("elsewhere", "/one", created("n")).clearTimestamp().build());
            talk.forward(envelope("elsewhere", "/one", created("n"))
                    .setTimestamp(Timestamp.newBuilder().setSeconds(-5))
                    .build());
            new Talk(talk.api.nobody(), talk.api, talk.ends)
                    .forward(envelope("elsewhere", "/three", created("n")).build());
        });
    }

    @Test
    void passedOnInVain() throws InterruptedException {
        same(List.of(), talk -> {
            talk.forward(envelope("", "/one", created("n")).build());
            talk.forward(envelope("not/a/name", "/one", created("n")).build());
            talk.forward(envelope("elsewhere", "", created("n")).build());
            talk.forward(envelope("elsewhere", "one", created("n")).build());
            talk.forward(envelope("elsewhere", "/one/", created("n")).build());
            talk.forward(envelope("elsewhere", "/one/two!", created("n")).build());
        });
    }

    @Test
    void whoWantsToKnow() throws InterruptedException {
        Saying all = talk -> {
            talk.forward(envelope("one", "/a/b", created("first")).build());
            talk.forward(envelope("two", "/a/b", created("second")).build());
            talk.forward(envelope("two", "/a/c", OF_NO_KIND).build());
            talk.forward(envelope("one", "/d", created("third")).build());
            talk.publish("/a/b", created("fourth"));
        };
        for (List<String> filters : List.of(
                List.of("namespace==two"),
                List.of("topic==\"/a/b\""),
                List.of("topic~=|^/a/|"),
                List.of("topic~=\"^/a/\""),
                List.of("topic!=\"/a/b\""),
                List.of("event.name==first"),
                List.of("event.name~=\"^(first|third)$\"", "namespace==two"),
                List.of("event.labels.a==b,namespace==one"),
                List.of("event.labels.a==c"),
                List.of("event.labels.a"),
                List.of("event.none==x"),
                List.of("event"),
                List.of("namespace==one,topic==\"/d\""),
                List.of("nothing==x"),
                List.of("timestamp"))) {
            same(filters, all);
        }
    }

    @Test
    void filtersThatAreNone() {
        for (String filter : List.of("=", "topic=x", "topic==", "topic==/a", "x y", "topic==\"", "==x", "topic===x")) {
            List<String> ends = new ArrayList<>();
            for (Ctr ctr : List.of(pair.theirs(), pair.ours())) {
                try (RawApi api = new RawApi(ctr.socket())) {
                    var events = EventsGrpc.newBlockingStub(api.nobody())
                            .withDeadlineAfter(Berth.LIMIT)
                            .subscribe(SubscribeRequest.newBuilder()
                                    .addFilters(filter)
                                    .build());
                    ends.add(end(events::hasNext));
                }
            }
            assertThat(ends).as(filter).containsExactly("UNKNOWN", "INVALID_ARGUMENT");
        }
    }
}

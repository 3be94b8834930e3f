package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.berth.oci.Digest;
import dev.berth.wire.containerd.content.AbortRequest;
import dev.berth.wire.containerd.content.ContentGrpc;
import dev.berth.wire.containerd.content.Info;
import dev.berth.wire.containerd.content.InfoRequest;
import dev.berth.wire.containerd.content.ListStatusesRequest;
import dev.berth.wire.containerd.content.Status;
import dev.berth.wire.containerd.content.StatusRequest;
import dev.berth.wire.containerd.content.WriteAction;
import dev.berth.wire.containerd.content.WriteContentRequest;
import dev.berth.wire.containerd.content.WriteContentResponse;
import dev.berth.wire.containerd.leases.CreateRequest;
import dev.berth.wire.containerd.leases.LeasesGrpc;
import dev.berth.wire.containerd.namespaces.CreateNamespaceRequest;
import dev.berth.wire.containerd.namespaces.Namespace;
import dev.berth.wire.containerd.namespaces.NamespacesGrpc;
import io.grpc.Channel;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Writers of content, message by message, with containerd's answers beside ours: every field of each, and how the call ends. Only the
 * times are not compared, but that they are told is.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class ContentWriteTest {
    private static final String HELLO = "hello\n";
    private static final String DIGEST =
            Digest.of(HELLO.getBytes(StandardCharsets.UTF_8)).toString();
    private static final String OTHER = Digest.of(new byte[0]).toString();
    private static final String LEASE = "holds";

    private CtrPair pair;
    private RawApi ours;
    private RawApi theirs;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        pair = CtrPair.start();
        ours = new RawApi(pair.ours().socket());
        theirs = new RawApi(pair.theirs().socket());
    }

    @AfterAll
    void stop() throws IOException {
        if (pair != null) {
            ours.close();
            theirs.close();
            pair.close();
        }
    }

    /** A client of one daemon and what it was answered so far. */
    private static final class Client {
        private final Channel channel;
        private final List<String> heard = new ArrayList<>();

        Client(RawApi api, String namespace) {
            channel = api.in(namespace, LEASE);
        }

        /** One call of Write, whose messages are sent one after the other, each when the one before has been answered. */
        Client writes(WriteContentRequest.Builder... messages) {
            return with(new Writer(channel), messages);
        }

        Client with(Writer writer, WriteContentRequest.Builder... messages) {
            heard.add("-- write");
            for (WriteContentRequest.Builder message : messages) {
                heard.add(writer.send(message.build()));
            }
            heard.add(writer.end());
            return this;
        }

        Client status(String ref) {
            return hears(
                    "status",
                    () -> masked(ContentGrpc.newBlockingStub(channel)
                            .status(StatusRequest.newBuilder().setRef(ref).build())
                            .getStatus()));
        }

        Client statuses(String... filters) {
            return hears(
                    "statuses",
                    () -> ContentGrpc.newBlockingStub(channel)
                            .listStatuses(ListStatusesRequest.newBuilder()
                                    .addAllFilters(List.of(filters))
                                    .build())
                            .getStatusesList()
                            .stream()
                            .map(Client::masked)
                            .sorted()
                            .toList()
                            .toString());
        }

        Client abort(String ref) {
            return hears(
                    "abort",
                    () -> ContentGrpc.newBlockingStub(channel)
                            .abort(AbortRequest.newBuilder().setRef(ref).build())
                            .toString());
        }

        Client info(String digest) {
            return hears("info", () -> {
                Info info = ContentGrpc.newBlockingStub(channel)
                        .info(InfoRequest.newBuilder().setDigest(digest).build())
                        .getInfo();
                return info.toBuilder()
                        .setCreatedAt(mask(info.hasCreatedAt(), info.getCreatedAt()))
                        .setUpdatedAt(mask(info.hasUpdatedAt(), info.getUpdatedAt()))
                        .build()
                        .toString();
            });
        }

        private static String masked(Status status) {
            return status.toBuilder()
                    .setStartedAt(mask(status.hasStartedAt(), status.getStartedAt()))
                    .setUpdatedAt(mask(status.hasUpdatedAt(), status.getUpdatedAt()))
                    .build()
                    .toString();
        }

        private interface Question {
            String ask();
        }

        private Client hears(String what, Question question) {
            heard.add("-- " + what);
            try {
                heard.add(question.ask());
            } catch (StatusRuntimeException e) {
                heard.add(e.getStatus().getCode().toString());
            }
            return this;
        }
    }

    /** 1 for a time of this century, 2 for another, 0 for none. */
    private static Timestamp mask(boolean told, Timestamp time) {
        long year2000 = 946_684_800L;
        return Timestamp.newBuilder()
                .setSeconds(told ? time.getSeconds() > year2000 ? 1 : 2 : 0)
                .build();
    }

    /** One call of Write. */
    private static final class Writer implements StreamObserver<WriteContentResponse> {
        private final BlockingQueue<String> answers = new LinkedBlockingQueue<>();
        private final StreamObserver<WriteContentRequest> call;
        private boolean over;

        Writer(Channel channel) {
            call = ContentGrpc.newStub(channel).write(this);
        }

        /** What it is answered, or how the call ends. */
        String send(WriteContentRequest message) {
            if (over) {
                return "it is over";
            }
            call.onNext(message);
            String answer = next();
            over = answer.startsWith("end");
            return answer;
        }

        private String next() {
            try {
                String answer = answers.poll(Berth.LIMIT.toSeconds(), TimeUnit.SECONDS);
                assertThat(answer).as("it is answered in time").isNotNull();
                return answer;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AssertionError(e);
            }
        }

        /** How it ends; containerd may say its last word twice before. */
        String end() {
            if (over) {
                return "";
            }
            call.onCompleted();
            String answer = next();
            while (!answer.startsWith("end")) {
                answer = next();
            }
            return answer;
        }

        @Override
        public void onNext(WriteContentResponse answer) {
            WriteContentResponse.Builder masked = answer.toBuilder();
            if (answer.hasStartedAt()) {
                masked.setStartedAt(mask(true, answer.getStartedAt()));
            }
            if (answer.hasUpdatedAt()) {
                masked.setUpdatedAt(mask(true, answer.getUpdatedAt()));
            }
            answers.add(masked.build().toString());
        }

        @Override
        public void onError(Throwable failure) {
            answers.add("end: " + io.grpc.Status.fromThrowable(failure).getCode());
        }

        @Override
        public void onCompleted() {
            answers.add("end");
        }
    }

    private static WriteContentRequest.Builder stat(String ref) {
        return WriteContentRequest.newBuilder().setAction(WriteAction.STAT).setRef(ref);
    }

    private static WriteContentRequest.Builder write(String ref, long offset, String text) {
        return WriteContentRequest.newBuilder()
                .setAction(WriteAction.WRITE)
                .setRef(ref)
                .setOffset(offset)
                .setData(ByteString.copyFromUtf8(text));
    }

    private static WriteContentRequest.Builder commit(String ref, long offset, String text) {
        return write(ref, offset, text).setAction(WriteAction.COMMIT);
    }

    /** Lets the same be done at both, in a namespace and with a lease of its own. */
    private void same(String namespace, Function<Client, Client> conversation) {
        List<List<String>> heard = new ArrayList<>();
        for (RawApi api : List.of(theirs, ours)) {
            prepare(api, namespace);
            heard.add(conversation.apply(new Client(api, namespace)).heard);
        }
        assertThat(heard.getLast()).as("in " + namespace).isEqualTo(heard.getFirst());
    }

    private static void prepare(RawApi api, String namespace) {
        Channel channel = api.in(namespace, "");
        var _ = NamespacesGrpc.newBlockingStub(channel)
                .create(CreateNamespaceRequest.newBuilder()
                        .setNamespace(Namespace.newBuilder().setName(namespace))
                        .build());
        var _ = LeasesGrpc.newBlockingStub(channel)
                .create(CreateRequest.newBuilder().setId(LEASE).build());
    }

    @Test
    void inOneGo() {
        same(
                "w-go",
                it -> it.writes(
                                stat("a").setTotal(6).setExpected(DIGEST),
                                write("a", 0, "hel"),
                                stat("a"),
                                write("a", 3, "lo"),
                                stat("a").setTotal(6),
                                commit("a", 5, "\n")
                                        .setTotal(6)
                                        .setExpected(DIGEST)
                                        .putLabels("a", "b"))
                        .info(DIGEST)
                        .status("a")
                        .statuses());
    }

    @Test
    void withoutTellingAnything() {
        same("w-bare", it -> it.writes(write("a", 0, HELLO), commit("a", 6, "")).info(DIGEST));
        same("w-once", it -> it.writes(commit("a", 0, HELLO).setTotal(6)).info(DIGEST));
        same("w-nothing", it -> it.writes(commit("a", 0, "").setExpected(OTHER)).info(OTHER));
    }

    @Test
    void whatIsBrokenOffIsGoneOnWith() {
        same(
                "w-off",
                it -> it.writes(stat("a").setTotal(6), write("a", 0, "hel"))
                        .status("a")
                        .statuses("ref==a")
                        .statuses("ref==b")
                        .writes(
                                stat("a"),
                                write("a", 3, "lo\n"),
                                commit("a", 6, "").setExpected(DIGEST))
                        .info(DIGEST)
                        .status("a"));
    }

    @Test
    void atAnotherPlaceThanItStands() {
        same(
                "w-place",
                it -> it.writes(write("a", 0, "hel"), write("a", 5, "lo\n"))
                        .status("a")
                        .writes(stat("a"), write("a", 2, "x"))
                        .writes(commit("a", 9, ""))
                        .status("a")
                        .writes(
                                write("a", 3, "lo"),
                                write("a", -1, "\n"),
                                commit("a", -7, "").setTotal(6))
                        .info(DIGEST));
    }

    @Test
    void fromTheBeginningAgain() {
        same(
                "w-again",
                it -> it.writes(write("a", 0, "HELLO WORLD"), write("a", 0, "hel"), stat("a"), write("a", 3, "lo\n"))
                        .writes(stat("a"), commit("a", 0, HELLO).setTotal(6).setExpected(DIGEST))
                        .info(DIGEST));
    }

    @Test
    void anotherLengthThanSaid() {
        same(
                "w-length",
                it -> it.writes(stat("a").setTotal(7), commit("a", 0, HELLO).setTotal(7))
                        .status("a")
                        .writes(commit("a", 6, "").setTotal(5))
                        .writes(stat("a").setTotal(99), commit("a", 6, "").setTotal(6))
                        .info(DIGEST));
    }

    @Test
    void anotherDigestThanSaid() {
        same(
                "w-digest",
                it -> it.writes(stat("a").setExpected(OTHER), write("a", 0, "hel"))
                        .writes(commit("a", 3, "lo\n").setExpected(OTHER))
                        .status("a")
                        .writes(commit("a", 6, "").setExpected(DIGEST))
                        .info(DIGEST)
                        .info(OTHER));
    }

    @Test
    void whatIsThereAlready() {
        same(
                "w-there",
                it -> it.writes(commit("a", 0, HELLO).setTotal(6))
                        .writes(stat("b").setExpected(DIGEST).setTotal(6))
                        .status("b")
                        .writes(
                                stat("c"),
                                write("c", 0, HELLO),
                                commit("c", 6, "").setExpected(DIGEST))
                        .status("c")
                        .writes(write("d", 0, HELLO), commit("d", 6, ""))
                        .status("d")
                        .writes(stat("e"), write("e", 0, "x").setExpected(DIGEST))
                        .status("e")
                        .statuses());
    }

    /** Bytes that another namespace has need not be sent again. */
    @Test
    void whatIsThereForOthers() {
        same("w-first", it -> it.writes(commit("a", 0, "of two\n")));
        String shared = Digest.of("of two\n".getBytes(StandardCharsets.UTF_8)).toString();
        same(
                "w-second",
                it -> it.info(shared)
                        .writes(stat("a").setExpected(shared).setTotal(7))
                        .writes(
                                stat("a").setExpected(shared).setTotal(7),
                                commit("a", 7, "").setExpected(shared).setTotal(7))
                        .info(shared));
        same(
                "w-third",
                it -> it.writes(
                                stat("a").setExpected(shared).setTotal(7),
                                write("a", 0, "of two\n"),
                                commit("a", 7, "").setExpected(shared))
                        .info(shared));
    }

    @Test
    void thrownAway() {
        same(
                "w-abort",
                it -> it.abort("a")
                        .writes(write("a", 0, "hel"))
                        .abort("a")
                        .status("a")
                        .abort("a")
                        .writes(stat("a"), commit("a", 0, HELLO).setTotal(6))
                        .info(DIGEST));
    }

    @Test
    void twoAtOnce() {
        same("w-two", it -> {
            Writer first = new Writer(it.channel);
            it.heard.add(first.send(write("a", 0, "hel").build()));
            it.writes(stat("a"));
            it.status("a");
            it.writes(write("b", 0, "hel"));
            it.heard.add(first.send(write("a", 3, "lo\n").build()));
            return it.with(first, commit("a", 6, "").setTotal(6)).info(DIGEST);
        });
    }

    @Test
    void whatIsNoWriter() {
        same(
                "w-no",
                it -> it.writes(stat(""))
                        .status("")
                        .abort("")
                        .writes(
                                stat("a"),
                                write("another", 0, HELLO),
                                commit("", 6, "").setTotal(6))
                        .info(DIGEST)
                        .statuses("ref")
                        .statuses("ref==="));
        List<String> ends = new ArrayList<>();
        for (RawApi api : List.of(theirs, ours)) {
            Writer writer = new Writer(api.nobody());
            ends.add(writer.send(stat("a").build()) + writer.end());
        }
        assertThat(ends.getLast()).as("without a namespace").isEqualTo(ends.getFirst());
    }
}

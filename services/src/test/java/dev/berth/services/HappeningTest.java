package dev.berth.services;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.store.ContainerRecord;
import dev.berth.store.Event;
import dev.berth.store.Payload;
import dev.berth.tasks.Exit;
import dev.berth.tasks.NewTask;
import dev.berth.tasks.TaskEvent;
import dev.berth.tasks.TaskId;
import dev.berth.wire.shim.events.TaskCreate;
import dev.berth.wire.shim.events.TaskDelete;
import dev.berth.wire.shim.events.TaskIO;
import dev.berth.wire.shim.types.Envelope;
import dev.berth.wire.shim.types.Mount;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HappeningTest {
    private static final Instant AT = Instant.parse("2026-11-21T12:00:00.5Z");
    private static final Namespace SPACE = new Namespace("one");

    private static boolean shows(Happening happening, String filter) {
        return Filters.parse(List.of(filter)).show(happening::field);
    }

    @Test
    void storesEventsHaveContainerdsTopicsAndTypes() {
        Happening image = Topics.of(AT, new Event.ImageCreated(SPACE, "busybox", Map.of("a.b", "c")));
        assertThat(image.envelope().getTopic()).isEqualTo("/images/create");
        assertThat(image.envelope().getNamespace()).isEqualTo("one");
        assertThat(image.envelope().getEvent().getTypeUrl()).isEqualTo("containerd.services.images.v1.ImageCreate");
        assertThat(Messages.instant(image.envelope().getTimestamp())).isEqualTo(AT);
        Happening content = Topics.of(AT, new Event.NamespaceDeleted(SPACE));
        assertThat(content.envelope().getEvent().getTypeUrl()).isEqualTo("containerd.events.NamespaceDelete");
    }

    @Test
    void tasksEventsToo() {
        var exited = new TaskEvent.Exited(new TaskId("one", "c"), AT, "shell", 7, new Exit(3, AT));
        Happening happening = Topics.of(exited);
        assertThat(happening.envelope().getTopic()).isEqualTo("/tasks/exit");
        assertThat(shows(happening, "event.container_id==c,event.id==shell")).isTrue();
        var started = new TaskEvent.Started(new TaskId("one", "c"), AT, "", 7);
        assertThat(Topics.of(started).envelope().getTopic()).isEqualTo("/tasks/start");
        var added = Topics.of(new TaskEvent.ExecAdded(new TaskId("one", "c"), AT, "shell"));
        assertThat(added.envelope().getTopic()).isEqualTo("/tasks/exec-added");
        assertThat(shows(added, "event.container_id==c,event.exec_id==shell")).isTrue();
        var command = new TaskEvent.Started(new TaskId("one", "c"), AT, "shell", 7);
        assertThat(Topics.of(command).envelope().getTopic()).isEqualTo("/tasks/exec-started");
    }

    @Test
    void ofATasksBeginAndEndEverythingIsTold() throws Exception {
        var id = new TaskId("one", "c");
        var created = new TaskEvent.Created(
                id,
                AT,
                7,
                new TaskEvent.Setup(
                        "/bundle",
                        List.of(new NewTask.RootMount("overlay", "overlay", "", List.of("ro"))),
                        new TaskEvent.Streams("in", "out", "", true),
                        "/checkpoint"));
        TaskCreate told =
                TaskCreate.parseFrom(Topics.of(created).envelope().getEvent().getValue());
        assertThat(told)
                .isEqualTo(TaskCreate.newBuilder()
                        .setContainerId("c")
                        .setPid(7)
                        .setBundle("/bundle")
                        .setCheckpoint("/checkpoint")
                        .setIo(TaskIO.newBuilder()
                                .setStdin("in")
                                .setStdout("out")
                                .setTerminal(true))
                        .addRootfs(Mount.newBuilder()
                                .setType("overlay")
                                .setSource("overlay")
                                .addOptions("ro"))
                        .build());
        Happening deleted = Topics.of(new TaskEvent.Deleted(id, AT, "shell", 8, new Exit(3, AT)));
        TaskDelete end = TaskDelete.parseFrom(deleted.envelope().getEvent().getValue());
        assertThat(end.getId()).isEqualTo("shell");
        assertThat(end.getPid()).isEqualTo(8);
    }

    @Test
    void filtersSeeTheEnvelopeAndWhatIsInIt() {
        Happening image = Topics.of(AT, new Event.ImageCreated(SPACE, "busybox", Map.of("a.b", "c")));
        assertThat(shows(image, "namespace==one,topic==\"/images/create\"")).isTrue();
        assertThat(shows(image, "topic~=|^/images/|,event.name==busybox")).isTrue();
        assertThat(shows(image, "event.labels.a.b==c")).isTrue();
        assertThat(shows(image, "event.labels.\"a.b\"==d")).isFalse();
        assertThat(shows(image, "event.nothing")).isFalse();
        assertThat(shows(image, "event")).isFalse();
        var container =
                ContainerRecord.of(SPACE, "c").runtime("runc", Payload.NONE).build();
        assertThat(shows(Topics.of(AT, new Event.ContainerCreated(SPACE, container)), "event.runtime.name==runc"))
                .isTrue();
    }

    @Test
    void ofAClientsEventTheFieldsAreSeenIfItsTypeIsKnown() {
        Happening image = Topics.of(AT, new Event.ImageCreated(SPACE, "busybox", Map.of()));
        assertThat(shows(Happening.of(image.envelope()), "event.name==busybox")).isTrue();
        Any other = Any.newBuilder()
                .setTypeUrl("my/Type")
                .setValue(ByteString.copyFromUtf8("x"))
                .build();
        Happening unknown = Happening.of(envelope("/a/b-c").setEvent(other).build());
        assertThat(shows(unknown, "topic==\"/a/b-c\"")).isTrue();
        assertThat(shows(unknown, "event.name")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "/", "images", "/images/", "/images//create", "/-a", "/a b"})
    void topicsHaveRules(String topic) {
        assertThatThrownBy(() -> Happening.of(envelope(topic).build()))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    private static Envelope.Builder envelope(String topic) {
        return Envelope.newBuilder().setNamespace("one").setTopic(topic).setTimestamp(Messages.time(AT));
    }
}

package dev.berth.tasks;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.wire.shim.events.TaskDelete;
import dev.berth.wire.shim.events.TaskExit;
import dev.berth.wire.shim.events.TaskOOM;
import dev.berth.wire.shim.events.TaskPaused;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(300)
class EventFeedTest {
    private final LinkedBlockingQueue<TaskEvent> events = new LinkedBlockingQueue<>();
    private final TestBed bed = new TestBed();
    private FakeSupervisor supervisor = new FakeSupervisor(bed.state, "");
    private final Tasks tasks = Tasks.open(bed.config(Map.of()), Ticker.system(), InstantSource.system());

    EventFeedTest() throws Exception {}

    @AfterEach
    void close() throws Exception {
        tasks.close();
        supervisor.close();
        bed.close();
    }

    private void exit(String id, int status) {
        supervisor.tell(
                "/tasks/exit",
                TaskExit.newBuilder()
                        .setContainerId(id)
                        .setId(id)
                        .setExitStatus(status)
                        .build());
    }

    private TaskEvent next() throws InterruptedException {
        TaskEvent event = events.poll(120, TimeUnit.SECONDS);
        assertThat(event).isNotNull();
        return event;
    }

    private void acknowledgedUpTo(long sequence) throws InterruptedException {
        while (true) {
            Long next = supervisor.acknowledged.poll(120, TimeUnit.SECONDS);
            assertThat(next).isNotNull();
            if (next == sequence) {
                return;
            }
        }
    }

    @Test
    void whatHappenedBeforeAnybodyListenedIsTold() throws Exception {
        exit("a", 1);
        exit("b", 2);
        tasks.subscribe(events::add);
        assertThat(next().task().id()).isEqualTo("a");
        assertThat(next().task().id()).isEqualTo("b");
        acknowledgedUpTo(2);
        supervisor.tell("/tasks/oom", TaskOOM.newBuilder().setContainerId("a").build());
        supervisor.tell("/tasks/something-new", TaskOOM.getDefaultInstance());
        supervisor.tell(
                "/tasks/paused", TaskPaused.newBuilder().setContainerId("b").build());
        assertThat(next()).isInstanceOf(TaskEvent.OutOfMemory.class);
        assertThat(next()).isInstanceOf(TaskEvent.Paused.class);
        acknowledgedUpTo(5);
    }

    @Test
    void anEndThatNobodySawIsToldAsSuch() throws Exception {
        var exit = TaskExit.newBuilder().setContainerId("a").setId("a").setExitStatus(255);
        supervisor.tell("/tasks/exit", exit.build(), true);
        supervisor.tell("/tasks/exit", exit.build(), false);
        tasks.subscribe(events::add);
        assertThat(next())
                .isInstanceOfSatisfying(
                        TaskEvent.Exited.class,
                        event -> assertThat(event.exit().known()).isFalse());
        assertThat(next())
                .isInstanceOfSatisfying(
                        TaskEvent.Exited.class,
                        event -> assertThat(event.exit().known()).isTrue());
    }

    @Test
    void aSubscriberThatFailsIsToldAgain() throws Exception {
        var attempts = new AtomicInteger();
        tasks.subscribe(event -> {
            if (attempts.incrementAndGet() < 3) {
                throw new IllegalStateException("the disk is full");
            }
            events.add(event);
        });
        exit("a", 1);
        assertThat(next().task().id()).isEqualTo("a");
        assertThat(attempts).hasValue(3);
        acknowledgedUpTo(1);
    }

    @Test
    void anEndIsToldUntilItIsTaken() throws Exception {
        var attempts = new AtomicInteger();
        tasks.subscribe(event -> {
            if (event.task().id().equals("a") && attempts.incrementAndGet() < 7) {
                throw new IllegalStateException("the disk is full");
            }
            events.add(event);
        });
        exit("a", 1);
        exit("b", 2);
        assertThat(next().task().id()).isEqualTo("a");
        assertThat(next().task().id()).isEqualTo("b");
        assertThat(attempts).hasValue(7);
        acknowledgedUpTo(2);
    }

    @Test
    void whatIsNoEndIsToldSomeTimes() throws Exception {
        var attempts = new AtomicInteger();
        tasks.subscribe(event -> {
            if (event instanceof TaskEvent.OutOfMemory) {
                attempts.incrementAndGet();
                throw new IllegalStateException("no");
            }
            events.add(event);
        });
        supervisor.tell("/tasks/oom", TaskOOM.newBuilder().setContainerId("a").build());
        exit("a", 1);
        assertThat(next()).isInstanceOf(TaskEvent.Exited.class);
        assertThat(attempts).hasValue(5);
    }

    @Test
    void aSubscriberThatAlwaysFailsDoesNotKeepTheFeedOpen() throws Exception {
        var attempts = new LinkedBlockingQueue<Integer>();
        tasks.subscribe(event -> {
            attempts.add(1);
            throw new IllegalStateException("the disk is full");
        });
        exit("a", 1);
        assertThat(attempts.poll(120, TimeUnit.SECONDS)).isNotNull();
        tasks.close();
        assertThat(supervisor.acknowledged).isEmpty();
    }

    @Test
    void aContainersFirstProcessHasNoExecIdHoweverItIsNamed() throws Exception {
        tasks.subscribe(events::add);
        for (String id : List.of("", "a", "shell")) {
            supervisor.tell(
                    "/tasks/delete",
                    TaskDelete.newBuilder().setContainerId("a").setId(id).build());
        }
        assertThat(((TaskEvent.Deleted) next()).execId()).isEmpty();
        assertThat(((TaskEvent.Deleted) next()).execId()).isEmpty();
        assertThat(((TaskEvent.Deleted) next()).execId()).isEqualTo("shell");
    }

    @Test
    void aNewSupervisorGoesOnWhereTheOldOneStopped() throws Exception {
        tasks.subscribe(events::add);
        exit("a", 1);
        assertThat(next().task().id()).isEqualTo("a");
        acknowledgedUpTo(1);
        var journal = List.copyOf(supervisor.journal);
        supervisor.close();
        supervisor = new FakeSupervisor(bed.state, "");
        supervisor.journal.addAll(journal);
        exit("b", 2);
        assertThat(next().task().id()).isEqualTo("b");
        assertThat(events).isEmpty();
    }
}

package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.daemon.cli.CriClient;
import dev.berth.wire.cri.ContainerEventResponse;
import dev.berth.wire.cri.ContainerEventType;
import dev.berth.wire.cri.ContainerState;
import dev.berth.wire.cri.ContainerStatus;
import dev.berth.wire.cri.GetEventsRequest;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The stream of what happens to containers, for several that listen. */
class EventsTest extends BusyboxPods {
    private static final int PODS = 6;

    /** One that listens, with a connection of its own. */
    private final class Listener implements AutoCloseable {
        private final ConcurrentLinkedQueue<ContainerEventResponse> events = new ConcurrentLinkedQueue<>();
        private final CriClient client = CriClient.open(berth.state().resolve("berth.sock"));
        private final Iterator<ContainerEventResponse> stream =
                client.runtime(Berth.LIMIT).getContainerEvents(GetEventsRequest.getDefaultInstance());
        private final Thread reader = Thread.ofVirtual().unstarted(this::read);

        private void read() {
            try {
                stream.forEachRemaining(events::add);
            } catch (StatusRuntimeException closed) {
                events.removeIf(_ -> false); // the test is over
            }
        }

        private List<ContainerEventResponse> about(List<String> ids) {
            return events.stream()
                    .filter(event -> ids.contains(event.getPodSandboxStatus().getId()))
                    .toList();
        }

        @Override
        public void close() {
            client.close();
        }
    }

    @Test
    void allWhoListenSeeTheSameAndNoStatusGoesBack() throws InterruptedException {
        try (var first = new Listener();
                var second = new Listener();
                var idle = new Listener()) { // subscribed, and never reads
            first.reader.start();
            second.reader.start();
            awaitSubscribed(List.of(first, second));
            List<String> ids = livesSideBySide();
            for (Listener listener : List.of(first, second)) {
                Berth.until("all have ended", Berth.LIMIT, () -> ids.stream().allMatch(id -> told(listener, ids, id)));
            }
            List<ContainerEventResponse> seen = first.about(ids);
            assertThat(second.about(ids)).isEqualTo(seen);
            assertThat(seen).hasSize(PODS * 8);
            assertThat(seen).extracting(ContainerEventResponse::getCreatedAt).isSorted();
            assertStatesOnlyAdvance(seen);
            assertThat(idle.events).isEmpty();
        }
    }

    private static boolean told(Listener listener, List<String> ids, String pod) {
        return listener.about(ids).stream()
                .anyMatch(event -> event.getContainerId().equals(pod)
                        && event.getContainerEventType() == ContainerEventType.CONTAINER_DELETED_EVENT);
    }

    /** Nothing tells a client that it is subscribed but the first event. */
    private void awaitSubscribed(List<Listener> listeners) throws InterruptedException {
        int[] attempt = {0};
        Berth.until("an event has come", Berth.LIMIT, () -> {
            pods.remove(pods.run("hello" + attempt[0]++));
            return listeners.stream().noneMatch(listener -> listener.events.isEmpty());
        });
    }

    private List<String> livesSideBySide() throws InterruptedException {
        var ids = new ConcurrentLinkedQueue<String>();
        List<Thread> lives = IntStream.range(0, PODS)
                .mapToObj(i -> Thread.ofVirtual().start(() -> {
                    String pod = pods.run("life" + i);
                    ids.add(pod);
                    pods.start(pods.create(
                            pod, pods.container("life" + i, "sleep", "10000").build()));
                    pods.stop(pod);
                    pods.remove(pod);
                }))
                .toList();
        for (Thread life : lives) {
            life.join();
        }
        assertThat(ids).hasSize(PODS);
        return List.copyOf(ids);
    }

    private static void assertStatesOnlyAdvance(List<ContainerEventResponse> events) {
        List<ContainerState> order = List.of(
                ContainerState.CONTAINER_CREATED, ContainerState.CONTAINER_RUNNING, ContainerState.CONTAINER_EXITED);
        Map<String, Integer> last = new HashMap<>();
        Map<String, List<ContainerEventType>> kinds = new HashMap<>();
        for (ContainerEventResponse event : events) {
            kinds.computeIfAbsent(event.getContainerId(), _ -> new ArrayList<>())
                    .add(event.getContainerEventType());
            for (ContainerStatus status : event.getContainersStatusesList()) {
                int now = order.indexOf(status.getState());
                assertThat(now)
                        .as("state of " + status.getId())
                        .isGreaterThanOrEqualTo(last.getOrDefault(status.getId(), 0));
                last.put(status.getId(), now);
            }
        }
        assertThat(kinds.values())
                .allSatisfy(all -> assertThat(all)
                        .containsExactly(
                                ContainerEventType.CONTAINER_CREATED_EVENT,
                                ContainerEventType.CONTAINER_STARTED_EVENT,
                                ContainerEventType.CONTAINER_STOPPED_EVENT,
                                ContainerEventType.CONTAINER_DELETED_EVENT));
    }
}

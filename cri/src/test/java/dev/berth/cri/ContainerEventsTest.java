package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(300)
class ContainerEventsTest {
    private final ContainerEvents events = new ContainerEvents();

    private static ContainerEvent event(long number) {
        return new ContainerEvent("id", ContainerEvent.Kind.CREATED, number, SamplePod.with(Map.of()), List.of());
    }

    private void publish(ContainerEvent event) {
        events.publish(() -> event);
    }

    @Test
    void whatIsToldLaterWasSeenLater() throws Exception {
        try (var first = events.subscribe();
                var second = events.subscribe()) {
            var clock = new AtomicLong();
            List<CompletableFuture<Void>> publishers = new ArrayList<>();
            for (int thread = 0; thread < 4; thread++) {
                publishers.add(CompletableFuture.runAsync(() -> {
                    for (int i = 0; i < 500; i++) {
                        events.publish(() -> event(clock.incrementAndGet()));
                    }
                }));
            }
            for (var publisher : publishers) {
                publisher.get(120, TimeUnit.SECONDS);
            }
            for (long number = 1; number <= 2000; number++) {
                assertThat(first.next().createdAtNanos()).isEqualTo(number);
                assertThat(second.next().createdAtNanos()).isEqualTo(number);
            }
        }
    }

    @Test
    void nothingIsLookedAtForNobody() {
        events.publish(() -> {
            throw new AssertionError("nobody listens");
        });
    }

    @Test
    void whatIsQueuedIsWholeUpToTheLoss() throws Exception {
        try (var subscription = events.subscribe()) {
            for (int i = 0; i < ContainerEvents.BACKLOG + 3; i++) {
                publish(event(i));
            }
            for (int i = 0; i < ContainerEvents.BACKLOG; i++) {
                assertThat(subscription.next().createdAtNanos()).isEqualTo(i);
                publish(event(-1)); // there is room again, but something is missing before it
            }
            ends(subscription, Fault.Code.RESOURCE_EXHAUSTED);
            ends(subscription, Fault.Code.RESOURCE_EXHAUSTED);
        }
    }

    private static void ends(ContainerEvents.Subscription subscription, Fault.Code code) {
        assertThatThrownBy(subscription::next)
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(code));
    }

    @Test
    void whoWaitsWhenTheDaemonEndsIsTold() throws Exception {
        try (var subscription = events.subscribe()) {
            var waiting = CompletableFuture.runAsync(() -> ends(subscription, Fault.Code.UNAVAILABLE));
            events.close();
            waiting.get(20, TimeUnit.SECONDS);
            ends(subscription, Fault.Code.UNAVAILABLE);
        }
        try (var late = events.subscribe()) {
            ends(late, Fault.Code.UNAVAILABLE);
        }
    }

    /** However the two meet, a subscriber who is cut off hears of it: he never waits for what will not come. */
    @Test
    void whoEmptiesTheQueueWhileItOverflowsHearsOfIt() throws Exception {
        ContainerEvent event = event(0);
        for (int round = 0; round < 200; round++) {
            try (var subscription = events.subscribe()) {
                for (int i = 0; i < ContainerEvents.BACKLOG; i++) {
                    publish(event);
                }
                var drained = CompletableFuture.runAsync(() -> {
                    try {
                        while (true) {
                            var _ = subscription.next();
                        }
                    } catch (Fault lost) {
                        assertThat(lost.code()).isEqualTo(Fault.Code.RESOURCE_EXHAUSTED);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                });
                while (!drained.isDone()) { // sooner or later it overflows
                    publish(event);
                }
                drained.get(120, TimeUnit.SECONDS);
            }
        }
    }
}

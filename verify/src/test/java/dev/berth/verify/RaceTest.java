package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.RemoveContainerRequest;
import dev.berth.wire.cri.RunPodSandboxRequest;
import dev.berth.wire.cri.StopContainerRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Calls that meet: each ends as if it had come alone, or says that the other was faster; nothing is left. */
class RaceTest extends BusyboxPods {
    private static final int PODS = 20;
    private static final int ROUNDS = 3;
    private static final Ticker TICKER = Ticker.system();

    /** How a call ended: its answer or the code of its refusal. */
    private record Ending(String answer, Status.Code code) {}

    private static List<Ending> atOnce(List<Callable<String>> calls) throws InterruptedException {
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var endings = new ArrayList<Ending>();
            for (Future<String> call : threads.invokeAll(calls)) {
                try {
                    endings.add(new Ending(call.get(), Status.Code.OK));
                } catch (ExecutionException e) {
                    if (!(e.getCause() instanceof StatusRuntimeException refusal)) {
                        throw new AssertionError(e);
                    }
                    Status status = refusal.getStatus();
                    assertThat(Set.of(Status.Code.INTERNAL, Status.Code.UNKNOWN, Status.Code.DEADLINE_EXCEEDED))
                            .as(status.toString())
                            .doesNotContain(status.getCode());
                    endings.add(new Ending(String.valueOf(status.getDescription()), status.getCode()));
                }
            }
            return endings;
        }
    }

    private ContainerConfig sleeper(String name) {
        return pods.container(name, "sleep", "1000").build();
    }

    /** Both get the one pod, or the later one hears that it is there. */
    private static void oneThing(List<Ending> endings) {
        assertThat(endings.stream()
                        .filter(it -> it.code() == Status.Code.OK)
                        .map(Ending::answer)
                        .distinct())
                .hasSize(1);
        assertThat(endings.stream().map(Ending::code).distinct())
                .isSubsetOf(Status.Code.OK, Status.Code.ALREADY_EXISTS);
    }

    @Test
    void theSamePodTwice() throws InterruptedException {
        for (int round = 0; round < ROUNDS; round++) {
            String name = "same" + round;
            oneThing(atOnce(List.of(() -> pods.run(name), () -> pods.run(name), () -> pods.run(name))));
        }
    }

    /** A pod is listed before it is whole: who goes by the list may be faster than who makes it. */
    @Test
    void aPodIsStoppedAndRemovedByOneWhoSawItInAListWhileItIsMade() throws InterruptedException {
        for (int round = 0; round < ROUNDS * 3; round++) {
            String name = "seen" + round;
            boolean remove = round % 3 > 0;
            List<Ending> endings = atOnce(List.of(() -> pods.run(name), () -> {
                String seen = awaitListed(name);
                Leaks.mark(seen);
                if (remove) {
                    pods.remove(seen);
                } else {
                    pods.stop(seen);
                }
                return seen;
            }));
            assertThat(endings).allMatch(ending -> ending.code() == Status.Code.OK);
            assertThat(endings.getFirst().answer()).isEqualTo(endings.getLast().answer());
            pods.removeAll();
            rest.isSame(berth);
        }
    }

    private String awaitListed(String name) {
        long start = TICKER.nanos();
        while (TICKER.since(start).compareTo(Berth.LIMIT) < 0) { // without a pause, to be as early as can be
            for (var pod : pods.runtime()
                    .listPodSandbox(ListPodSandboxRequest.getDefaultInstance())
                    .getItemsList()) {
                if (pod.getMetadata().getName().equals(name)) {
                    return pod.getId();
                }
            }
        }
        throw new AssertionError("there never was a pod " + name);
    }

    @Test
    void theSameContainerTwice() throws InterruptedException {
        String pod = pods.run("twice");
        for (int round = 0; round < ROUNDS; round++) {
            ContainerConfig container = sleeper("twice" + round);
            oneThing(atOnce(List.of(() -> pods.create(pod, container), () -> pods.create(pod, container))));
        }
    }

    @Test
    void aContainerIsStoppedWhileItsPodIs() throws InterruptedException {
        for (int round = 0; round < ROUNDS; round++) {
            String pod = pods.run("stop" + round);
            String container = pods.create(pod, sleeper("stop" + round));
            pods.start(container);
            StopContainerRequest stop = StopContainerRequest.newBuilder()
                    .setContainerId(container)
                    .setTimeout(1)
                    .build();
            List<Ending> endings = atOnce(List.of(
                    () -> pods.runtime().stopContainer(stop).toString(),
                    () -> {
                        pods.stop(pod);
                        return "";
                    },
                    () -> pods.runtime().stopContainer(stop).toString()));
            assertThat(endings).allMatch(ending -> ending.code() == Status.Code.OK);
            pods.remove(pod);
        }
    }

    @Test
    void aRunningPodIsRemovedByTwoWhileOneStartsAContainer() throws InterruptedException {
        for (int round = 0; round < ROUNDS; round++) {
            String name = "remove" + round;
            String pod = pods.run(name);
            pods.start(pods.create(pod, sleeper("running" + round)));
            String late = pods.create(pod, sleeper("late" + round));
            List<Ending> endings = atOnce(List.of(
                    () -> {
                        pods.remove(pod);
                        return "removed";
                    },
                    () -> {
                        pods.start(late);
                        return "started";
                    },
                    () -> pods.create(pod, sleeper("later" + name)),
                    () -> pods.runtime()
                            .removeContainer(RemoveContainerRequest.newBuilder()
                                    .setContainerId(late)
                                    .build())
                            .toString(),
                    () -> {
                        pods.remove(pod);
                        return "removed";
                    }));
            assertThat(endings.getFirst().code()).isEqualTo(Status.Code.OK);
            assertThat(endings.getLast().code()).isEqualTo(Status.Code.OK);
            rest.isSame(berth);
        }
    }

    @Test
    void manyPodsAtOnce() throws InterruptedException {
        List<Ending> endings = atOnce(IntStream.range(0, PODS)
                .<Callable<String>>mapToObj(number -> () -> {
                    String pod = pods.run("many" + number);
                    pods.start(pods.create(pod, sleeper("many" + number)));
                    if (number % 2 == 0) {
                        pods.stop(pod);
                    }
                    pods.remove(pod);
                    return pod;
                })
                .toList());
        assertThat(endings).allMatch(ending -> ending.code() == Status.Code.OK);
        assertThat(endings.stream().map(Ending::answer).distinct()).hasSize(PODS);
    }

    /** A caller who gave up asks again and gets what was made. */
    @Test
    void aCallerWhoGaveUpGetsThePodOfTheFirstCall() throws InterruptedException {
        var request = RunPodSandboxRequest.newBuilder()
                .setConfig(pods.pod("impatient"))
                .build();
        GrpcPods.refused(
                Status.Code.DEADLINE_EXCEEDED,
                () -> pods.runtime()
                        .withDeadlineAfter(3, java.util.concurrent.TimeUnit.MILLISECONDS)
                        .runPodSandbox(request));
        String pod = pods.run("impatient");
        Berth.until("that the pod was delivered is noted, which follows the answer", Berth.LIMIT, () -> {
            try {
                assertThat(pods.run("impatient")).isEqualTo(pod);
                return false;
            } catch (StatusRuntimeException e) {
                return e.getStatus().getCode() == Status.Code.ALREADY_EXISTS;
            }
        });
        GrpcPods.refused(Status.Code.ALREADY_EXISTS, () -> pods.run("impatient"), pod);
    }
}

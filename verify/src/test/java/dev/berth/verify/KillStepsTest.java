package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.Container;
import dev.berth.wire.cri.ContainerState;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.PodSandboxState;
import dev.berth.wire.cri.RemoveContainerRequest;
import dev.berth.wire.cri.StopContainerRequest;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;

/**
 * The daemon, the supervisor or both are killed at some moment of a call: what is listed afterwards is true, the same call
 * made again ends well, and all can be taken away.
 */
class KillStepsTest extends BusyboxPods {
    /** For all rounds; each combination comes once before any comes again. */
    private static final Duration BUDGET = Duration.ofSeconds(40);

    private static final Duration LATEST = Duration.ofMillis(60);
    private static final Duration LATEST_AGAIN = Duration.ofMillis(1500);
    private static final Ticker TICKER = Ticker.system();

    private enum Step {
        RUN_POD,
        CREATE,
        START,
        STOP_CONTAINER,
        REMOVE_CONTAINER,
        STOP_POD,
        REMOVE_POD
    }

    private enum Victims {
        DAEMON,
        SUPERVISOR,
        BOTH
    }

    /** @param again when the next daemon is killed too, if it is: it may be starting, comparing or serving by then */
    private record Round(int number, Step step, Victims victims, Duration moment, Optional<Duration> again) {}

    /** What a call works on; an id is empty if there is none yet. */
    private record Things(String name, String pod, String container) {}

    private final long seed = Long.getLong("berth.seed", new Random().nextLong());

    @Test
    void aKillAtAnyMoment() throws Exception {
        System.out.println("KillStepsTest: again with -Dberth.seed=" + seed);
        var random = new Random(seed);
        long start = TICKER.nanos();
        int number = 0;
        while (TICKER.since(start).compareTo(BUDGET) < 0) {
            for (Round round : shuffled(number, random)) {
                if (TICKER.since(start).compareTo(BUDGET) >= 0) {
                    break;
                }
                number++;
                run(round);
            }
        }
        System.out.println("KillStepsTest: " + number + " rounds");
    }

    private static List<Round> shuffled(int number, Random random) {
        var rounds = new ArrayList<Round>();
        for (Step step : Step.values()) {
            for (Victims victims : Victims.values()) {
                var moment = Duration.ofNanos(random.nextLong(LATEST.toNanos()));
                Optional<Duration> again = victims != Victims.SUPERVISOR && random.nextInt(3) == 0
                        ? Optional.of(Duration.ofNanos(random.nextLong(LATEST_AGAIN.toNanos())))
                        : Optional.empty();
                rounds.add(new Round(number + rounds.size(), step, victims, moment, again));
            }
        }
        Collections.shuffle(rounds, random);
        return rounds;
    }

    private void run(Round round) throws Exception {
        try {
            Things things = prepare(round);
            var call = new FutureTask<>(() -> call(round.step(), things));
            var begun = new CountDownLatch(1);
            Thread.ofPlatform().start(() -> {
                begun.countDown();
                call.run();
            });
            begun.await();
            TICKER.sleep(round.moment());
            kill(round.victims(), round.again());
            Status.Code first = ending(call);
            everythingListedIsTrue();
            callAgain(round.step(), things, first);
            everythingListedIsTrue();
            pods.removeAll();
            rest.isSame(berth);
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError("seed " + seed + ", " + round, e);
        }
    }

    private Things prepare(Round round) {
        String name = "steps" + round.number();
        String pod = round.step() == Step.RUN_POD ? "" : pods.run(name);
        String container = Set.of(Step.RUN_POD, Step.CREATE).contains(round.step()) ? "" : create(name, pod);
        if (!container.isEmpty() && round.step() != Step.START) {
            pods.start(container);
        }
        return new Things(name, pod, container);
    }

    private String create(String name, String pod) {
        return pods.create(pod, pods.container(name, "sleep", "1000").build());
    }

    private String call(Step step, Things things) {
        switch (step) {
            case RUN_POD -> {
                return pods.run(things.name());
            }
            case CREATE -> {
                return create(things.name(), things.pod());
            }
            case START -> pods.start(things.container());
            case STOP_CONTAINER ->
                pods.runtime()
                        .stopContainer(StopContainerRequest.newBuilder()
                                .setContainerId(things.container())
                                .build());
            case REMOVE_CONTAINER ->
                pods.runtime()
                        .removeContainer(RemoveContainerRequest.newBuilder()
                                .setContainerId(things.container())
                                .build());
            case STOP_POD -> pods.stop(things.pod());
            case REMOVE_POD -> pods.remove(things.pod());
        }
        return "";
    }

    private void kill(Victims victims, Optional<Duration> again) throws IOException, InterruptedException {
        if (victims != Victims.DAEMON) {
            berth.supervisors().forEach(ProcessHandle::destroyForcibly);
        }
        if (victims != Victims.SUPERVISOR) {
            berth.kill();
            if (again.isPresent()) {
                berth.exec();
                TICKER.sleep(again.get());
                berth.kill();
            }
            berth.launch();
            pods.close();
            pods = new GrpcPods(berth);
        }
    }

    private static Status.Code ending(FutureTask<String> call) throws InterruptedException {
        try {
            call.get();
            return Status.Code.OK;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof StatusRuntimeException refusal) {
                return refusal.getStatus().getCode();
            }
            throw new AssertionError(e);
        }
    }

    /** As the kubelet does it, which never heard of the first call's end. */
    private void callAgain(Step step, Things things, Status.Code first) {
        try {
            call(step, things);
        } catch (StatusRuntimeException e) {
            Set<Status.Code> fine = switch (step) {
                case RUN_POD, CREATE -> Set.of(Status.Code.ALREADY_EXISTS);
                case START -> Set.of(Status.Code.FAILED_PRECONDITION); // it runs, or its start has failed for good
                case STOP_CONTAINER, REMOVE_CONTAINER, STOP_POD, REMOVE_POD -> Set.of();
            };
            assertThat(fine)
                    .as("the call made again after one that ended with " + first + ": " + e.getStatus())
                    .contains(e.getStatus().getCode());
        }
    }

    /** Or becomes so: lists are answered while the next daemon still compares its records with what runs. */
    private void everythingListedIsTrue() throws InterruptedException {
        for (var container : containers()) {
            Leaks.mark(container.getId());
            Berth.until(
                    "what is listed of a container is true",
                    Berth.LIMIT,
                    () -> containers().stream()
                            .filter(now -> now.getId().equals(container.getId()))
                            .allMatch(this::isTrue));
        }
        for (var pod : pods.runtime()
                .listPodSandbox(ListPodSandboxRequest.getDefaultInstance())
                .getItemsList()) {
            Leaks.mark(pod.getId());
            if (pod.getState() == PodSandboxState.SANDBOX_READY) {
                assertThat(berth.state().resolve("netns").resolve(pod.getId())).exists();
            }
        }
        assertThat(berth.supervisors().map(KillStepsTest::status))
                .as("supervisors")
                .hasSizeLessThanOrEqualTo(1);
    }

    private static String status(ProcessHandle process) {
        try {
            return Files.readString(Path.of("/proc/" + process.pid() + "/status"));
        } catch (IOException e) {
            return process.pid() + " is gone";
        }
    }

    private List<Container> containers() {
        return pods.runtime()
                .listContainers(ListContainersRequest.getDefaultInstance())
                .getContainersList();
    }

    private boolean isTrue(Container container) {
        return container.getState() == ContainerState.CONTAINER_RUNNING
                ? answers(container.getId())
                : processes(container.getId()).isEmpty();
    }

    private boolean answers(String container) {
        try {
            return pods.runtime()
                            .execSync(ExecSyncRequest.newBuilder()
                                    .setContainerId(container)
                                    .addAllCmd(List.of("true"))
                                    .build())
                            .getExitCode()
                    == 0;
        } catch (StatusRuntimeException e) {
            return false;
        }
    }

    private static List<Path> processes(String container) {
        try (var all = Files.newDirectoryStream(Path.of("/proc"), "[1-9]*")) {
            var found = new ArrayList<Path>();
            for (Path process : all) {
                if (Berth.read(process.resolve("cgroup")).contains(container)) {
                    found.add(process);
                }
            }
            return found;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}

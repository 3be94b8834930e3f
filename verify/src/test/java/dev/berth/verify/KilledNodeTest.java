package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerState;
import dev.berth.wire.cri.ContainerStatus;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ContainerStatusResponse;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.LinuxPodSandboxConfig;
import dev.berth.wire.cri.LinuxSandboxSecurityContext;
import dev.berth.wire.cri.Mount;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import dev.berth.wire.cri.PodSandboxStatus;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.StatusRequest;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A node with pods of every kind, whose daemon, supervisor or both are killed: nothing of what runs has noticed it. */
class KilledNodeTest extends BusyboxPods {
    private static final String COUNT = "i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.2; done";
    private static final String LISTEN = "while read line; do echo got $line; done; echo eof; exec sleep 1000";
    private static final String END = "while [ ! -e /gate/go ]; do sleep 0.1; done; exit 7";
    private static final int PLAIN_PODS = 7;
    private static final int EXIT = 7;

    enum Victims {
        DAEMON,
        SUPERVISOR,
        BOTH
    }

    private final List<String> podIds = new ArrayList<>();
    private final List<String> running = new ArrayList<>();
    private final List<String> counters = new ArrayList<>();
    private final List<String> ending = new ArrayList<>();

    private String start(String pod, ContainerConfig container) {
        String id = pods.create(pod, container);
        pods.start(id);
        return id;
    }

    private String pod(String name, String handler, NamespaceMode processes) {
        var security = LinuxSandboxSecurityContext.newBuilder()
                .setNamespaceOptions(NamespaceOption.newBuilder().setPid(processes));
        var config = pods.pod(name)
                .setLinux(LinuxPodSandboxConfig.newBuilder().setSecurityContext(security))
                .build();
        String id = pods.run(config, handler);
        podIds.add(id);
        return id;
    }

    private ContainerConfig.Builder script(String name, String script) {
        return pods.container(name, "sh", "-c", script);
    }

    private void counter(String pod, String name, boolean tty) {
        running.add(start(pod, script(name, COUNT).setTty(tty).setStdin(tty).build()));
        counters.add(name);
    }

    /** Eleven pods: of each runtime, with a terminal, with open input, with one process namespace, with an end that is near. */
    private String fill(String round) throws IOException {
        List<String> handlers =
                pods.runtime().status(StatusRequest.getDefaultInstance()).getRuntimeHandlersList().stream()
                        .map(handler -> handler.getName())
                        .filter(name -> List.of("crun", "runc").contains(name))
                        .toList();
        for (int i = 0; i < PLAIN_PODS; i++) {
            String handler = handlers.isEmpty() ? "" : handlers.get(i % handlers.size());
            counter(pod(round + "plain" + i, handler, NamespaceMode.CONTAINER), round + "plain" + i, false);
        }
        String shared = pod(round + "shared", "", NamespaceMode.POD);
        counter(shared, round + "shared-one", false);
        counter(shared, round + "shared-two", false);
        counter(pod(round + "tty", "", NamespaceMode.CONTAINER), round + "tty", true);
        String listener = start(
                pod(round + "stdin", "", NamespaceMode.CONTAINER),
                script(round + "stdin", LISTEN).setStdin(true).build());
        running.add(listener);
        String last = pod(round + "ending", "", NamespaceMode.CONTAINER);
        Path gate = Files.createDirectories(berth.folder().resolve(round + "gate"));
        for (boolean tty : List.of(true, false)) {
            ending.add(start(
                    last,
                    script(round + "ending" + tty, END)
                            .setTty(tty)
                            .addMounts(Mount.newBuilder()
                                    .setHostPath(gate.toString())
                                    .setContainerPath("/gate"))
                            .build()));
        }
        return listener;
    }

    private ContainerStatusResponse verbose(String container) {
        return pods.runtime()
                .containerStatus(ContainerStatusRequest.newBuilder()
                        .setContainerId(container)
                        .setVerbose(true)
                        .build());
    }

    private static Path process(ContainerStatusResponse container) {
        return Path.of("/proc", container.getInfoOrThrow("pid"));
    }

    /** What must stay as it is: addresses, states and times as they are told, and the processes with their namespaces. */
    private Map<String, String> facts() {
        var facts = new TreeMap<String, String>();
        for (String id : podIds) {
            PodSandboxStatus pod = pods.runtime()
                    .podSandboxStatus(PodSandboxStatusRequest.newBuilder()
                            .setPodSandboxId(id)
                            .build())
                    .getStatus();
            facts.put(id, pod.getState() + " " + pod.getNetwork().getIp() + " " + pod.getCreatedAt());
        }
        for (String id : running) {
            ContainerStatusResponse verbose = verbose(id);
            ContainerStatus status = verbose.getStatus();
            Path process = process(verbose);
            String stat = Berth.read(process.resolve("stat"));
            String begun = stat.isEmpty()
                    ? "gone"
                    : stat.substring(stat.lastIndexOf(')')).split(" ", -1)[20];
            facts.put(
                    id,
                    status.getState() + " " + status.getCreatedAt() + " " + status.getStartedAt() + " " + process
                            + " begun at " + begun + " in " + namespaces(id));
        }
        return facts;
    }

    /** A command that is run in it now is where its processes are. */
    private String namespaces(String container) {
        return pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(container)
                        .addAllCmd(List.of("sh", "-c", "cd /proc/self/ns; readlink pid net ipc uts mnt"))
                        .build())
                .getStdout()
                .toStringUtf8();
    }

    private List<Integer> ticks(String name) {
        String log = Berth.read(berth.logs().resolve(name + ".log"));
        return log.substring(0, log.lastIndexOf('\n') + 1) // it may be read in the middle of a line's writing
                .lines()
                .map(line -> line.replace("\r", ""))
                .filter(line -> line.contains(" stdout F tick "))
                .map(line -> Integer.valueOf(line.substring(line.lastIndexOf(' ') + 1)))
                .toList();
    }

    private boolean all(int ticks) {
        return counters.stream().allMatch(name -> ticks(name).size() > ticks);
    }

    private void kill(Victims victims, String round) throws IOException, InterruptedException {
        List<Path> processes = ending.stream().map(id -> process(verbose(id))).toList();
        long supervisor = berth.supervisor().orElseThrow().pid();
        if (victims != Victims.SUPERVISOR) {
            berth.kill();
        }
        if (victims != Victims.DAEMON) {
            berth.killSupervisor();
        }
        Files.createFile(berth.folder().resolve(round + "gate").resolve("go"));
        Berth.until("two have ended", Berth.LIMIT, () -> processes.stream().noneMatch(Files::exists));
        if (victims == Victims.SUPERVISOR) {
            Berth.until(
                    "another has taken over",
                    Berth.LIMIT,
                    () -> berth.supervisor()
                            .filter(now -> now.pid() != supervisor)
                            .isPresent());
        } else {
            berth.launch();
            pods.close();
            pods = new GrpcPods(berth);
        }
    }

    private boolean areAs(Map<String, String> before) {
        try {
            return facts().equals(before);
        } catch (StatusRuntimeException notYet) {
            return false;
        }
    }

    /** The kernel keeps the code of a process that nobody waited for since 6.15. */
    private static boolean exitsAreKept() {
        String[] release = Berth.read(Path.of("/proc/sys/kernel/osrelease")).split("[^0-9]+", -1);
        return Integer.parseInt(release[0]) * 1000 + Integer.parseInt(release[1]) >= 6015;
    }

    private void listens(String container, String name) throws IOException, InterruptedException {
        Process client = new ProcessBuilder(
                        Peers.path("crictl").orElseThrow().toString(),
                        "--runtime-endpoint",
                        "unix://" + berth.state().resolve("berth.sock"),
                        "attach",
                        "-i",
                        container)
                .redirectErrorStream(true)
                .redirectOutput(berth.folder().resolve(name + ".said").toFile())
                .start();
        try (Writer input = client.outputWriter()) {
            input.write("hello\n");
            input.flush();
            Berth.until(
                    "it has heard",
                    Berth.LIMIT,
                    () -> Berth.read(berth.logs().resolve(name + ".log")).contains(" got hello\n"));
        } finally {
            client.destroyForcibly().waitFor();
        }
        assertThat(Berth.read(berth.logs().resolve(name + ".log"))).doesNotContain("eof");
    }

    @ParameterizedTest
    @EnumSource(Victims.class)
    void nothingOfWhatRunsHasNoticed(Victims victims) throws Exception {
        for (List<String> each : List.of(podIds, running, counters, ending)) {
            each.clear();
        }
        String round = victims.name().toLowerCase(java.util.Locale.ROOT) + "-";
        String listener = fill(round);
        Berth.until("all count", Berth.LIMIT, () -> all(5));
        Map<String, String> before = facts();
        assertThat(before.values()).hasSize(11 + 11).noneMatch(fact -> fact.contains("gone"));

        kill(victims, round);

        Berth.until("the next one knows them", Berth.LIMIT, () -> areAs(before) || all(200));
        assertThat(facts()).isEqualTo(before);
        int seen = ticks(counters.getFirst()).size();
        Berth.until("the logs go on", Berth.LIMIT, () -> all(seen + 5));
        for (String name : counters) {
            List<Integer> ticks = ticks(name);
            assertThat(ticks)
                    .as(name)
                    .isEqualTo(IntStream.range(0, ticks.size()).boxed().toList());
        }
        listens(listener, round + "stdin");
        for (String id : ending) {
            Berth.until(
                    "its end is known",
                    Berth.LIMIT,
                    () -> verbose(id).getStatus().getState() == ContainerState.CONTAINER_EXITED);
            ContainerStatus status = verbose(id).getStatus();
            boolean exact = victims == Victims.DAEMON || exitsAreKept();
            assertThat(status.getExitCode()).isEqualTo(exact ? EXIT : 255);
            assertThat(status.getReason()).isEqualTo(exact ? "Error" : "Unknown");
            assertThat(status.getFinishedAt()).isGreaterThan(status.getStartedAt());
        }
    }
}

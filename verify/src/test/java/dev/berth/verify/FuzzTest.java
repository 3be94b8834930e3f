package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Message;
import com.google.protobuf.TextFormat;
import dev.berth.kernel.Ticker;
import dev.berth.wire.cri.CreateContainerRequest;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.PodSandbox;
import dev.berth.wire.cri.RemoveImageRequest;
import dev.berth.wire.cri.RunPodSandboxRequest;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Random well-formed requests of all calls against a living daemon: it never answers INTERNAL or UNKNOWN, and never dies. */
class FuzzTest extends BusyboxPods {
    private static final Ticker TICKER = Ticker.system();
    private static final Duration BUDGET = Duration.ofSeconds(Long.getLong("berth.fuzz", 60));
    private static final int MOST_CALLS = 4000 * (int) Math.max(1, BUDGET.toMinutes());

    /** A stop may be asked to wait for hours, and events have no end: we give up, which the daemon must bear too. */
    private static final Duration PATIENCE = Duration.ofSeconds(3);

    private static final int MOST_PODS = 6;
    private static final Set<Status.Code> WRONG = Set.of(Status.Code.INTERNAL, Status.Code.UNKNOWN);

    private static final String MAPPED = "userns_options { mode: POD uids { host_id: 700000 length: 65536 }"
            + " gids { host_id: 700000 length: 65536 } }";

    /** What pods ask for, in protobuf's text. */
    private static final List<String> PODS = List.of(
            "",
            "linux { security_context { namespace_options { network: NODE } } }",
            "linux { security_context { namespace_options { " + MAPPED + " } } }",
            "linux { security_context { namespace_options { network: NODE " + MAPPED + " } } }",
            "linux { security_context { namespace_options { pid: NODE ipc: NODE } privileged: true } }",
            "hostname: 'fuzz' linux { sysctls { key: 'kernel.shm_rmid_forced' value: '1' } }",
            "dns_config { servers: '10.0.0.1' } port_mappings { container_port: 80 host_port: 18099 }",
            "linux { resources { memory_limit_in_bytes: 100000000 } overhead { cpu_shares: 100 } }");

    /** What containers ask for. */
    private static final List<String> CONTAINERS = List.of(
            "",
            "tty: true stdin: true",
            "linux { security_context { run_as_user { value: 1000 } supplemental_groups: 7 supplemental_groups_policy: Strict } }",
            "linux { security_context { capabilities { add_capabilities: 'NET_ADMIN' drop_capabilities: 'ALL' } } }",
            "linux { security_context { seccomp { profile_type: RuntimeDefault } no_new_privs: true readonly_rootfs: true } }",
            "linux { security_context { privileged: true } }",
            "linux { security_context { masked_paths: '/proc/kcore' readonly_paths: '/proc/sys' } }",
            "linux { resources { memory_limit_in_bytes: 50000000 cpu_quota: 50000 cpu_period: 100000 oom_score_adj: 500 } }",
            "mounts { container_path: '/etc/other' host_path: '/etc/hostname' readonly: true recursive_read_only: true }",
            "devices { container_path: '/dev/other' host_path: '/dev/null' permissions: 'rw' } working_dir: '/tmp'");

    private int names;

    @Test
    void nothingIsAnsweredWithInternalOrUnknown() throws IOException {
        long seed = Long.getLong("berth.seed", new Random().nextLong());
        var random = new Random(seed);
        List<MethodDescriptor<?, ?>> methods = CriCalls.all();
        assertThat(methods).hasSize(43);
        Map<String, List<String>> words = words();
        var requests = new RandomRequests(random, words);
        var wrong = new ArrayList<String>();
        var answers = new HashMap<Status.Code, Integer>();
        long start = TICKER.nanos();
        for (int calls = 0; calls < MOST_CALLS && TICKER.since(start).compareTo(BUDGET) < 0; calls++) {
            if (calls % 20 == 0) {
                words.putAll(living());
            }
            MethodDescriptor<?, ?> method = methods.get(random.nextInt(methods.size()));
            Message request = requests.next(sensible(method, words, random));
            Status status = CriCalls.call(pods.runtime().getChannel(), method, request, PATIENCE);
            answers.merge(status.getCode(), 1, Integer::sum);
            if (WRONG.contains(status.getCode()) || !berth.daemon().isAlive()) {
                wrong.add(CriCalls.name(method) + " " + status + "\n  " + shown(request));
            }
        }
        restoreImages();
        assertThat(wrong).as("seed " + seed + ", answers " + answers).isEmpty();
        assertThat(berth.crictl("version").exit()).isZero();
    }

    private void restoreImages() {
        pods.pull(berth.image("busybox"));
        var _ = pods.images()
                .removeImage(RemoveImageRequest.newBuilder()
                        .setImage(ImageSpec.newBuilder().setImage(berth.image("other")))
                        .build());
    }

    private static String shown(Message request) {
        String text = TextFormat.printer().emittingSingleLine(true).printToString(request);
        return text.length() > 3000 ? text.substring(0, 3000) + "…" : text;
    }

    /** Words that mean something in a field of that name. */
    private Map<String, List<String>> words() throws IOException {
        Path volumes = Files.createDirectories(berth.logs().resolve("volumes"));
        String other = berth.registry().authority();
        List<String> images = List.of(
                "",
                berth.image("busybox"),
                berth.image("other"),
                other + "/nothing:here",
                "127.0.0.1:1/x",
                "bad::reference",
                other + "/busybox@sha256:" + "0".repeat(64),
                "127.0.0.1:1/" + "x".repeat(300),
                "sha256:" + "0".repeat(64));
        var words = new HashMap<String, List<String>>();
        words.put("image", images);
        words.put("image_ref", images);
        words.put("user_specified_image", images);
        words.put(
                "host_path",
                List.of("", volumes.toString(), volumes + "/a/../b", "relative", "/dev/null", volumes + "/x\ny"));
        words.put("container_path", List.of("/a", "/dev/x", "/proc/self", "b", "/../c", "/etc/hosts", "/a/b\0c"));
        words.put("log_directory", List.of("", berth.logs().toString(), "relative", berth.logs() + "/../logs"));
        words.put("log_path", List.of("", "a.log", "../a.log", "/a.log", "volumes", "b\nc.log"));
        words.put(
                "cgroup_parent",
                List.of("", "/" + berth.folder().getFileName(), "../..", "a.slice", "/a/../..", "a:b"));
        words.put("pod_cidr", List.of("", "bad", "10.0.0.0", "::/129"));
        words.put("server_address", List.of("", other, "http://" + other, "://"));
        words.put("localhost_ref", List.of("", "localhost/", "/no/such", "relative", "localhost/" + berth.config()));
        List<String> nowhere = List.of("", "/no/such/place", "relative", "..");
        List.of("location", "output_path", "checkpoint_path").forEach(field -> words.put(field, nowhere));
        words.put("cmd", List.of("true", "false", "sleep", "sh", "/no/such", "", "1000"));
        words.put("command", List.of("true", "sleep", "/no/such", ""));
        words.put("args", List.of("1000", "", "x"));
        words.put("run_as_username", List.of("", "root", "nobody", "0", "65534:65534"));
        words.put("page_size", List.of("2MB", "1GB", "64KB", "7MB"));
        words.put("cpuset_cpus", List.of("", "0", "0-1", "99", "a"));
        words.put("add_capabilities", List.of("ALL", "NET_ADMIN", "CAP_KILL", "NOPE"));
        words.put("drop_capabilities", List.of("ALL", "NET_ADMIN", "CAP_KILL", "NOPE"));
        words.put("mount_options", List.of("noexec", "nosuid", "suid", "upperdir=/"));
        words.put("runtime_handler", List.of("", "crun", "runc", "none"));
        words.put("permissions", List.of("", "rwm", "r", "q"));
        return words;
    }

    /** The pods and containers that there are; a few, so that most calls meet one. */
    private Map<String, List<String>> living() {
        List<PodSandbox> there = pods.runtime()
                .listPodSandbox(ListPodSandboxRequest.getDefaultInstance())
                .getItemsList();
        there.stream().skip(MOST_PODS).forEach(pod -> pods.remove(pod.getId()));
        pods.pull(berth.image("busybox")); // one of the calls removes images
        names++;
        String pod = pods.run("fuzz" + names);
        String container =
                pods.create(pod, pods.container("fuzz" + names, "sleep", "1000").build());
        pods.start(container);
        String idle =
                pods.create(pod, pods.container("idle" + names, "sleep", "1000").build());
        var podIds = new ArrayList<>(List.of(pod));
        there.stream().limit(MOST_PODS).forEach(each -> podIds.add(each.getId()));
        var containerIds = new ArrayList<>(List.of(container, idle));
        pods.runtime()
                .listContainers(ListContainersRequest.getDefaultInstance())
                .getContainersList()
                .forEach(each -> containerIds.add(each.getId()));
        return Map.of(
                "pod_sandbox_id",
                podIds,
                "container_id",
                containerIds,
                "id",
                containerIds,
                "target_id",
                containerIds,
                "container_ids",
                containerIds);
    }

    /** A request that would succeed, or an empty one where random fields do as well. */
    private Message sensible(MethodDescriptor<?, ?> method, Map<String, List<String>> words, Random random) {
        List<String> podIds = words.getOrDefault("pod_sandbox_id", List.of("x"));
        List<String> containerIds = words.getOrDefault("container_id", List.of("x"));
        String pod = podIds.get(random.nextInt(podIds.size()));
        String container = containerIds.get(random.nextInt(containerIds.size()));
        names++;
        return switch (CriCalls.name(method)) {
            case "RunPodSandbox" ->
                RunPodSandboxRequest.newBuilder()
                        .setConfig(with(pods.pod("any" + names), PODS, random))
                        .build();
            case "CreateContainer" ->
                CreateContainerRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .setConfig(with(pods.container("any" + names, "sleep", "1000"), CONTAINERS, random))
                        .setSandboxConfig(pods.pod("any"))
                        .build();
            default -> withIds(CriCalls.prototype(method), pod, container);
        };
    }

    private static <B extends Message.Builder> B with(B builder, List<String> parts, Random random) {
        try {
            TextFormat.merge(parts.get(random.nextInt(parts.size())), builder);
            return builder;
        } catch (TextFormat.ParseException e) {
            throw new AssertionError(e);
        }
    }

    static Message withIds(Message empty, String pod, String container) {
        Message.Builder builder = empty.toBuilder();
        for (var field : empty.getDescriptorForType().getFields()) {
            switch (field.getName()) {
                case "pod_sandbox_id" -> builder.setField(field, pod);
                case "container_id" -> builder.setField(field, container);
                case "cmd" -> builder.addRepeatedField(field, "true");
                case "stdout" -> builder.setField(field, true);
                default -> {}
            }
        }
        return builder.build();
    }
}

package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.Int64Value;
import dev.berth.wire.cri.LinuxContainerConfig;
import dev.berth.wire.cri.LinuxContainerSecurityContext;
import dev.berth.wire.cri.Mount;
import dev.berth.wire.cri.MountPropagation;
import dev.berth.wire.cri.NamespaceMode;
import dev.berth.wire.cri.NamespaceOption;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pods with a user namespace: who owns what on both sides, with each OCI runtime. */
class UserNamespaceTest extends MappedPods {
    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc", "runc-new"})
    void ownersInsideAndOnTheNode(String handler) throws IOException, InterruptedException {
        assumeMaps(handler);
        Path volume = volume(handler);
        Path plain = volume("plain-" + handler);
        Path log = Files.createFile(berth.folder().resolve("termination-" + handler));
        int ofNull = owner(Path.of("/dev/null"));
        String pod = pods.run(pod("pod-" + handler, mapped(IDS)), handler);
        String name = "owners-" + handler;
        String id = pods.create(
                pod,
                sleeper(name, mapped(IDS))
                        .clearCommand()
                        .addAllCommand(List.of("sh", "-c", "echo begun > /dev/stdout; exec sleep 10000"))
                        .addMounts(mount(volume, "/mapped", IDS))
                        .addMounts(mount(plain, "/plain"))
                        .addMounts(mount(log, "/dev/termination-log", IDS))
                        .build());
        pods.start(id);

        assertThat(exec(id, "cat /proc/self/uid_map")).matches("0\\s+700000\\s+65536");
        assertThat(exec(id, "stat -c %u:%g / /bin/busybox /dev/shm /etc/hosts /etc/hostname /etc/resolv.conf"))
                .as("nothing belongs to nobody")
                .matches("(0:0\\s*){6}");
        assertThat(exec(
                        id,
                        "hostname; cat /proc/sys/kernel/shm_rmid_forced"
                                + " /proc/sys/net/ipv4/ip_unprivileged_port_start"))
                .isEqualTo("inside\n1\n1000");
        assertThat(exec(
                        id,
                        "echo new > /etc/mine-" + handler + "; chown 33:33 /etc/mine-" + handler
                                + "; stat -c %u:%g /etc/mine-" + handler))
                .isEqualTo("33:33");
        assertThat(owner(onNode("fs/etc/mine-" + handler))).isEqualTo(FIRST + 33);
        assertThat(exec(
                        id,
                        "stat -c %u /mapped /mapped/old /dev/termination-log; echo x > /mapped/new"
                                + "; echo bye > /dev/termination-log; echo x >> /dev/shm/x"))
                .isEqualTo("0\n0\n0");
        assertThat(owner(volume.resolve("new"))).isZero();
        assertThat(log).hasContent("bye");
        assertThat(exec(id, "stat -c %u /plain/old; touch /plain/new 2>/dev/null || echo refused"))
                .isEqualTo("65534\nrefused");
        assertThat(exec(id, "echo reopened > /dev/stdout")).isEqualTo("reopened");
        assertThat(exec(id, "nc -l -p 80 & sleep 0.5; kill $! && echo bound")).isEqualTo("bound");
        assertThat(exec(id, "ls /sys/class/net")).contains("eth0");
        Berth.until(
                "the log is written",
                Berth.LIMIT,
                () -> Berth.read(berth.logs().resolve(name + ".log")).contains("begun"));
        assertThat(owner(Path.of("/dev/null"))).as("the node's null").isEqualTo(ofNull);
        pods.remove(pod);
    }

    /** An image of several layers as a volume: one tree, whose owners are the pod's, of which no container changes anything. */
    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc-new"})
    void imagesAreVolumes(String handler) {
        assumeMaps(handler);
        berth.registry()
                .add(
                        "layers",
                        "latest",
                        new ImageBuilder()
                                .layer(new LayerBuilder()
                                        .directory("data/deep", 0755)
                                        .file("data/deep/lower", 0600, "low")
                                        .file("data/gone", 0644, "x")
                                        .gzip())
                                .layer(new LayerBuilder()
                                        .directory("data", 0750)
                                        .file("data/upper", 0644, "up")
                                        .file("data/.wh.gone", 0, "")
                                        .gzip())
                                .build());
        pods.pull(berth.image("layers"));
        Mount.Builder volume = Mount.newBuilder()
                .setImage(ImageSpec.newBuilder().setImage(berth.image("layers")))
                .setReadonly(true);
        String pod = pods.run(pod("image-" + handler, mapped(IDS)), handler);
        String id = pods.create(
                pod,
                sleeper("image-" + handler, mapped(IDS))
                        .addMounts(volume.clone().setContainerPath("/whole"))
                        .addMounts(volume.clone().setContainerPath("/part").setImageSubPath("data"))
                        .addMounts(volume.clone().setContainerPath("/file").setImageSubPath("data/deep/lower"))
                        .build());
        pods.start(id);
        assertThat(exec(id, "cd /whole; find . | sort | xargs stat -c '%n %u:%g %a'"))
                .isEqualTo("""
                        . 0:0 755
                        ./data 0:0 750
                        ./data/deep 0:0 755
                        ./data/deep/lower 0:0 600
                        ./data/upper 0:0 644""");
        assertThat(exec(id, "ls /part; cat /part/deep/lower /part/upper /file")).isEqualTo("deep\nupper\nlowuplow");
        assertThat(exec(id, "touch /whole/x /part/x 2>&1 || true"))
                .contains("/whole/x: Read-only", "/part/x: Read-only");
        assertThat(exec(id, "grep -c ' overlay ' /proc/self/mountinfo"))
                .as("the root and two volumes")
                .isEqualTo("3");
        pods.remove(pod);
    }

    /** What is in an image is a file like others there, whatever it claims to be. */
    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc-new"})
    void aDeviceInAnImageOpensNothing(String handler) throws IOException {
        assumeMaps(handler);
        Path files = Files.createDirectory(berth.folder().resolve("devices-" + handler));
        for (String node : List.of("kmsg c 1 11", "memory c 1 1", "loop b 7 0")) {
            String[] words = (files + "/" + node).split(" ", -1);
            assertThat(Berth.run(List.of("mknod", "-m", "666", words[0], words[1], words[2], words[3]))
                            .exit())
                    .isZero();
        }
        Path archive = berth.folder().resolve("devices-" + handler + ".tar");
        assertThat(Berth.run(List.of(
                                "tar", "-C", files.toString(), "-cf", archive.toString(), "kmsg", "memory", "loop"))
                        .exit())
                .isZero();
        byte[] layer = Files.readAllBytes(archive);
        berth.registry()
                .add(
                        "devices",
                        "latest",
                        Busybox.image()
                                .layer(new LayerBuilder.Layer(
                                        Descriptor.of(MediaTypes.OCI_LAYER, Digest.of(layer), layer.length),
                                        Digest.of(layer),
                                        layer))
                                .build());
        pods.pull(berth.image("devices"));
        String pod = pods.run(pod("devices-" + handler, mapped(IDS)), handler);
        String id = pods.create(
                pod,
                sleeper("devices-" + handler, mapped(IDS))
                        .setImage(ImageSpec.newBuilder().setImage(berth.image("devices")))
                        .build());
        pods.start(id);
        for (String node : List.of("kmsg", "memory", "loop")) {
            assertThat(exec(id, "dd if=/" + node + " of=/dev/null bs=1 count=1 2>&1 || true"))
                    .as(node)
                    .contains("not permitted");
        }
        pods.remove(pod);
    }

    /** The kubelet's usual pod, whose containers share processes: an init in the namespace. */
    @Test
    void containersThatShareProcesses() {
        NamespaceOption.Builder shared = mapped(IDS).setPid(NamespaceMode.POD);
        String pod = pods.run(pod("shared", shared), "");
        String one = pods.create(pod, sleeper("one", shared).build());
        pods.start(one);
        String two = pods.create(
                pod,
                sleeper("two", shared)
                        .setLinux(LinuxContainerConfig.newBuilder()
                                .setSecurityContext(LinuxContainerSecurityContext.newBuilder()
                                        .setNamespaceOptions(shared)
                                        .setRunAsUser(Int64Value.newBuilder().setValue(1000))))
                        .build());
        pods.start(two);
        assertThat(exec(one, "cat /proc/1/comm; grep -c sleep /proc/[0-9]*/comm | grep -c :1"))
                .isEqualTo("catatonit\n2");
        assertThat(exec(two, "id -u; echo mine > /dev/stdout")).isEqualTo("1000\nmine");
    }

    /** Neither daemon nor supervisor is needed for it to live, and who comes next makes containers in it. */
    @Test
    void itOutlivesDaemonAndSupervisor() throws IOException, InterruptedException {
        String pod = pods.run(pod("kept", mapped(IDS)), "");
        String old = pods.create(pod, sleeper("old", mapped(IDS)).build());
        pods.start(old);
        String namespace = exec(old, "readlink /proc/self/ns/user");
        berth.killSupervisor();
        berth.kill();
        berth.launch();
        String fresh = pods.create(pod, sleeper("fresh", mapped(IDS)).build());
        pods.start(fresh);
        assertThat(exec(fresh, "readlink /proc/self/ns/user")).isEqualTo(namespace);
        assertThat(exec(old, "readlink /proc/self/ns/user; echo again > /dev/stdout"))
                .isEqualTo(namespace + "\nagain");
        assertThat(exec(fresh, "stat -c %u /etc/hosts /dev/shm")).isEqualTo("0\n0");
        assertThat(pods.runtime()
                        .containerStatus(ContainerStatusRequest.newBuilder()
                                .setContainerId(old)
                                .build())
                        .getStatus()
                        .getStateValue())
                .isEqualTo(1);
    }

    private void refusedPod(NamespaceOption.Builder options, String... words) {
        GrpcPods.refused(Status.Code.INVALID_ARGUMENT, () -> pods.run(pod("bad", options), ""), words);
    }

    @Test
    void whatCannotBeMeantSo() {
        refusedPod(mapped(), "0 ranges", "exactly one");
        refusedPod(mapped(IDS, ids(900_000, 65_536, 10)), "2 ranges", "exactly one");
        refusedPod(mapped(ids(1000, 1, 100)), "root", "Map from 0");
        refusedPod(mapped(ids(1000, 0, 0)), "empty");
        refusedPod(mapped(ids(-1, 0, 2)), "2^32");
        refusedPod(mapped(ids(1000, 0, -1)), "2^32");
        refusedPod(mapped(IDS).setPid(NamespaceMode.NODE), "processes", "hostUsers");
        refusedPod(mapped(IDS).setIpc(NamespaceMode.NODE), "IPC", "hostUsers");
        NamespaceOption.Builder lopsided = mapped(IDS);
        lopsided.getUsernsOptionsBuilder().clearGids();
        refusedPod(lopsided, "groups");
        NamespaceOption.Builder ofNode = mapped(IDS);
        ofNode.getUsernsOptionsBuilder().setMode(NamespaceMode.NODE);
        refusedPod(ofNode, "takes no mappings");
        assertThat(pods.runtime()
                        .listPodSandbox(dev.berth.wire.cri.ListPodSandboxRequest.getDefaultInstance())
                        .getItemsCount())
                .isZero();
    }

    @Test
    void containersThatDoNotGoWithTheirPod() throws IOException {
        String pod = pods.run(pod("strict", mapped(IDS)), "");
        Path volume = volume("strict");
        refusedContainer(pod, sleeper("other", mapped(ids(5000, 0, 100))), "not its pod's");
        ContainerConfig.Builder privileged = sleeper("mighty", mapped(IDS));
        privileged.getLinuxBuilder().getSecurityContextBuilder().setPrivileged(true);
        refusedContainer(pod, privileged, "its pod is not");
        ContainerConfig.Builder nobody = sleeper("beyond", mapped(IDS));
        nobody.getLinuxBuilder()
                .getSecurityContextBuilder()
                .setRunAsUser(Int64Value.newBuilder().setValue(70_000));
        refusedContainer(pod, nobody, "70000", "65536");
        refusedContainer(
                pod, sleeper("volume", mapped(IDS)).addMounts(mount(volume, "/v", ids(5000, 0, 100))), "mappings");
        refusedContainer(
                pod,
                sleeper("sharing", mapped(IDS))
                        .addMounts(mount(volume, "/v", IDS).toBuilder()
                                .setPropagation(MountPropagation.PROPAGATION_BIDIRECTIONAL)),
                "never reach");
    }

    private void refusedContainer(String pod, ContainerConfig.Builder container, String... words) {
        GrpcPods.refused(Status.Code.INVALID_ARGUMENT, () -> pods.create(pod, container.build()), words);
    }

    /** Proc cannot show its files with other owners. */
    @Test
    void aVolumeWhoseFileSystemCannot() {
        String pod = pods.run(pod("proc", mapped(IDS)), "");
        String id = pods.create(
                pod,
                sleeper("proc", mapped(IDS))
                        .addMounts(mount(Path.of("/proc/sys"), "/v", IDS))
                        .build());
        GrpcPods.refused(Status.Code.FAILED_PRECONDITION, () -> pods.start(id), "/proc/sys", "hostUsers: true");
    }
}

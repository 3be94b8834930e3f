package dev.berth.images;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.PushRequest.Stage;
import dev.berth.images.registry.Access;
import dev.berth.images.registry.Credentials;
import dev.berth.images.registry.DockerRegistry;
import dev.berth.images.registry.RegistrySettings;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.Index;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Platform;
import dev.berth.oci.Reference;
import dev.berth.store.Durability;
import dev.berth.store.ImageRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pushes to Debian's docker-registry, and lets skopeo read what came there. */
class PushTest extends ImagesFixture {
    private static final Namespace K8S = Namespace.KUBERNETES;
    private static final Credentials ME = Credentials.of("", new Credentials.Login.Password("me", "secret"));
    private static final Platform AMD = new Platform("amd64", "linux", "", "", List.of());
    private static final Platform ARM = new Platform("arm64", "linux", "", "", List.of());

    private final Path root;
    private final Map<Digest, Stage> ends = new ConcurrentHashMap<>();

    PushTest(@TempDir Path root) {
        super(root, new LinuxDisk(), RegistrySettings.DEFAULT, ImageSettings.DEFAULT);
        this.root = root;
    }

    private static ImageBuilder.Built one(Platform platform) {
        return new ImageBuilder()
                .platform(platform)
                .layer(new LayerBuilder()
                        .file("same", 0644, "s".repeat(100_000))
                        .gzip())
                .layer(new LayerBuilder().file("own", 0644, platform.toString()).gzip())
                .build();
    }

    /** An image for two platforms, in the store under a name. */
    private Descriptor multi(String name, String sourceLabel) {
        var built = List.of(one(AMD), one(ARM));
        List<Descriptor> entries = new ArrayList<>();
        for (var each : built) {
            Descriptor manifest = each.manifest();
            Platform platform = each.equals(built.getFirst()) ? AMD : ARM;
            entries.add(new Descriptor(
                    manifest.mediaType(), manifest.digest(), manifest.size(), List.of(), Map.of(), "", platform, ""));
        }
        byte[] index = Index.of(MediaTypes.OCI_INDEX, entries).toJson();
        Descriptor target = Descriptor.of(MediaTypes.OCI_INDEX, Digest.of(index), index.length);
        Map<Digest, byte[]> blobs = new ConcurrentHashMap<>();
        built.forEach(it -> blobs.putAll(it.blobs()));
        blobs.put(target.digest(), index);
        blobs.values().forEach(store.blobs()::put);
        store.blobs().flush();
        Map<String, String> labels =
                sourceLabel.isEmpty() ? Map.of() : Map.of("containerd.io/distribution.source.127.0.0.1", sourceLabel);
        store.metadata().apply(Durability.PROCESS, records -> {
            blobs.forEach((digest, bytes) -> records.contents().put(K8S, digest, bytes.length, labels));
            records.images().put(ImageRecord.of(K8S, name, target, Map.of()));
        });
        return target;
    }

    private PushRequest request(String name, String destination) {
        ends.clear();
        return new PushRequest(
                K8S,
                name,
                Reference.parse(destination),
                Access.ANONYMOUS,
                List.of(),
                (content, stage, bytes) -> ends.put(content.digest(), stage));
    }

    private Set<Stage> ends() {
        return EnumSet.copyOf(ends.values());
    }

    private static String skopeo(String... arguments) throws IOException, InterruptedException {
        Path program = Path.of("/usr/bin/skopeo");
        Assumptions.assumeTrue(Files.isExecutable(program), "skopeo is not installed");
        var command = new ArrayList<>(List.of(program.toString()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }

    @Test
    void allPlatformsAndSkopeoReadsThem() throws Exception {
        Descriptor target = multi("local/multi:1", "team/app");
        try (var registry = DockerRegistry.start(root.resolve("registry"), false)) {
            String name = registry.authority() + "/team/app:v1";
            assertThat(images.push(request("local/multi:1", name))).isEqualTo(target);
            assertThat(ends()).containsExactly(Stage.SENT);
            Path copy = root.resolve("copy");
            skopeo("copy", "--all", "--src-tls-verify=false", "docker://" + name, "dir:" + copy);
            assertThat(Digest.of(Files.readAllBytes(copy.resolve("manifest.json"))))
                    .isEqualTo(target.digest());

            images.push(request("local/multi:1", name)); // all is there
            assertThat(ends()).containsExactly(Stage.THERE);

            images.push(request("local/multi:1", registry.authority() + "/other/app:v1"));
            assertThat(ends()).containsExactlyInAnyOrder(Stage.MOUNTED, Stage.SENT); // blobs and manifests
            assertThat(ends.values().stream().filter(Stage.MOUNTED::equals)).hasSize(5);
        }
    }

    @Test
    void someOfThePlatforms() throws Exception {
        Descriptor target = multi("local/multi:1", "");
        try (var registry = DockerRegistry.start(root.resolve("registry"), false)) {
            String name = registry.authority() + "/team/app:arm";
            Descriptor pushed = images.push(request("local/multi:1", name).with(List.of(ARM)));
            assertThat(pushed.mediaType()).isEqualTo(MediaTypes.OCI_MANIFEST);
            assertThat(skopeo("inspect", "--tls-verify=false", "--config", "--raw", "docker://" + name))
                    .contains("arm64");
            assertThat(images.push(request("local/multi:1", registry.authority() + "/team/app:both")
                            .with(List.of(AMD, ARM))))
                    .isEqualTo(target);
            assertThatThrownBy(() -> images.push(request("local/multi:1", name)
                            .with(List.of(new Platform("mips", "plan9", "", "", List.of())))))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND))
                    .hasMessageContaining("push " + name);
        }
    }

    @Test
    void withALogin() throws Exception {
        Descriptor target = multi("local/multi:1", "");
        try (var registry = DockerRegistry.start(root.resolve("registry"), true)) {
            String name = registry.authority() + "/team/app:v1";
            assertThatThrownBy(() -> images.push(request("local/multi:1", name)))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAUTHENTICATED));
            assertThat(images.push(request("local/multi:1", name).with(ME))).isEqualTo(target);
            assertThat(skopeo("inspect", "--raw", "--tls-verify=false", "--creds", "me:secret", "docker://" + name))
                    .contains("arm64");
        }
    }

    @Test
    void notWhatIsNotHere() {
        Descriptor target = multi("local/multi:1", "");
        assertThatThrownBy(() -> images.push(request("local/none:1", "127.0.0.1:1/x:1")))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND));
        store.blobs().delete(one(ARM).manifest().digest());
        assertThatThrownBy(() -> images.push(request("local/multi:1", "127.0.0.1:1/x:1")))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.NOT_FOUND))
                .hasMessageContaining("linux/arm64")
                .hasMessageContaining("Pull the image for all platforms");
        assertThatThrownBy(() -> images.push(request("local/multi:1", "127.0.0.1:1/x@" + Digest.of(new byte[0]))
                        .with(List.of(AMD))))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                .hasMessageNotContaining(target.digest().toString());
    }
}

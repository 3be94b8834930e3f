package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.RegistryClient;
import dev.berth.images.registry.RegistrySettings;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.kernel.Ticker;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import dev.berth.store.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Verifiers as containerd's users have them: scripts in a directory. */
class VerificationTest {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final Descriptor TARGET = Descriptor.of(MediaTypes.OCI_INDEX, Digest.of(new byte[] {1}), 1234);

    @TempDir
    private Path root = Path.of("");

    private Path directory() throws IOException {
        return Files.createDirectories(root.resolve("verifiers"));
    }

    private void verifier(String name, String script) throws IOException {
        Path program = directory().resolve(name);
        Files.writeString(program, "#!/bin/sh\n" + script + "\n");
        assertThat(program.toFile().setExecutable(true)).isTrue();
    }

    private void judge(int most) throws IOException, InterruptedException {
        new Verification(directory(), most, LIMIT).judge("docker.io/library/x:1", TARGET);
    }

    @Test
    void theyAreCalledAsContainerdCallsThem() throws Exception {
        judge(10); // nobody is there
        verifier("a", "echo \"$@\" >" + root + "/args; cat >" + root + "/stdin; echo fine");
        verifier("b", "exit 0");
        judge(10);
        assertThat(Files.readString(root.resolve("args")))
                .isEqualTo("-name docker.io/library/x:1 -digest " + TARGET.digest()
                        + " -stdin-media-type application/vnd.oci.descriptor.v1+json\n");
        assertThat(Descriptor.fromJson(Files.readAllBytes(root.resolve("stdin"))))
                .isEqualTo(TARGET);
    }

    @Test
    void oneRefusalIsEnough() throws Exception {
        verifier("a", "exit 0");
        verifier("b", "echo 'no signature\nand more'; head -c 100000 /dev/zero; exit 7");
        assertThatThrownBy(() -> judge(10))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.PERMISSION_DENIED))
                .hasMessageContaining("image verifier b: it refuses the image: no signature")
                .hasMessageNotContaining("and more");
        judge(1); // b is not asked
        assertThatThrownBy(() -> judge(-1)).hasMessageContaining("verifier b");
    }

    @Test
    void aRefusalWithoutAReasonIsToldWithWhatElseWasSaid() throws Exception {
        verifier("a", "echo 'no key for it' >&2; exit 7");
        assertThatThrownBy(() -> judge(10))
                .hasMessageContaining("it refuses the image: it ends with 7 and says on standard error: no key for it");
        verifier("a", "exit 7");
        assertThatThrownBy(() -> judge(10)).hasMessageContaining("it ends with 7 and says nothing");
    }

    @Test
    void oneThatCannotJudgeIsNoConsent() throws Exception {
        Files.writeString(directory().resolve("a"), "not a program");
        assertThatThrownBy(() -> judge(10))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining("image verifier a");
        verifier("a", "sleep 1000");
        assertThatThrownBy(() -> new Verification(directory(), 10, Duration.ofMillis(200)).judge("x", TARGET))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNAVAILABLE))
                .hasMessageContaining("no answer within");
        verifier("a", "kill -9 $$");
        assertThatThrownBy(() -> judge(10)).hasMessageContaining("signal 9");
    }

    @Test
    void aRefusedImageIsNeverUnpacked() throws Exception {
        verifier("a", "echo 'only ours'; exit 1");
        var image = new ImageBuilder()
                .layer(new LayerBuilder().file("f", 0644, "x").gzip())
                .build();
        var settings = ImageSettings.DEFAULT.with(new Verification(directory(), 10, LIMIT));
        try (var registry = ServedRegistry.start().add("app", "1", image);
                var store = Store.open(root.resolve("store"), new LinuxDisk(), InstantSource.system());
                var client = new RegistryClient(RegistrySettings.DEFAULT, Ticker.system());
                var images =
                        new Images(store, new FakeSnapshotter(store, true), client, settings, InstantSource.system())) {
            var request = PullRequest.of(Namespace.KUBERNETES, Reference.parse(registry.authority() + "/app:1"));
            assertThatThrownBy(() -> images.pull(request))
                    .isInstanceOfSatisfying(
                            Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.PERMISSION_DENIED))
                    .hasMessageContaining("only ours");
            assertThat(registry.servedBytes()).isLessThan(2000); // the index alone
            images.sweepEverything();
            assertThat(store.blobs().list()).isEmpty();
            assertThat(images.list(Namespace.KUBERNETES)).isEmpty();
        }
    }
}

package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.kernel.Ids;
import dev.berth.wire.cri.CDIDevice;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ExecSyncResponse;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.Mount;
import dev.berth.wire.cri.RemoveImageRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What comes into containers from elsewhere, by both OCI runtimes: vendors' devices, and images of several layers. */
class InjectedTest extends BusyboxPods {
    private final String vendor = "bt" + Ids.random().substring(0, 8) + ".example";
    private final Path specs = Path.of("/var/run/cdi");
    private boolean made;

    @AfterEach
    void withdraw() throws IOException {
        Files.deleteIfExists(specs.resolve(vendor + ".yaml"));
        if (made) {
            Files.deleteIfExists(specs);
        }
    }

    private String exec(String container, String script) {
        ExecSyncResponse done = pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(container)
                        .addCmd("sh")
                        .addCmd("-c")
                        .addCmd(script)
                        .build());
        assertThat(done.getExitCode()).as(done.getStderr().toStringUtf8()).isZero();
        return done.getStdout().toStringUtf8();
    }

    private String started(String handler, ContainerConfig.Builder container) {
        String pod = pods.run(pods.pod("injected-" + handler).build(), handler);
        String id = pods.create(pod, container.build());
        pods.start(id);
        return id;
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void aDeviceOfAVendor(String handler) throws IOException {
        Path host = Files.createDirectories(berth.folder().resolve("vendor-" + handler));
        Files.writeString(host.resolve("library"), "of the vendor");
        made = !Files.isDirectory(specs);
        Files.writeString(Files.createDirectories(specs).resolve(vendor + ".yaml"), """
                cdiVersion: "0.6.0"
                kind: %1$s/gpu
                containerEdits:
                  env: [VENDOR=yes]
                devices:
                - name: "0"
                  containerEdits:
                    deviceNodes:
                    - {path: /dev/gpu0, hostPath: /dev/zero}
                    mounts:
                    - {hostPath: %2$s, containerPath: /usr/lib/vendor, options: [ro, rbind]}
                    hooks:
                    - {hookName: createRuntime, path: /bin/touch, args: [touch, %2$s/hooked]}
                    additionalGids: [4321]
                """.formatted(vendor, host));
        String id = started(
                handler,
                pods.container("device", "sleep", "1000")
                        .addCDIDevices(CDIDevice.newBuilder().setName(vendor + "/gpu=0")));
        assertThat(exec(id, "echo $VENDOR; cat /usr/lib/vendor/library")).isEqualTo("yes\nof the vendor");
        assertThat(exec(id, "head -c 3 /dev/gpu0 | wc -c")).isEqualToIgnoringWhitespace("3");
        assertThat(exec(id, "id -G")).contains("4321");
        assertThat(host.resolve("hooked")).exists();
    }

    @ParameterizedTest
    @ValueSource(strings = {"crun", "runc"})
    void anImageOfSeveralLayers(String handler) {
        var lower = new LayerBuilder()
                .directory("data", 0755)
                .file("data/below", 0644, "low")
                .file("data/both", 0644, "low")
                .file("data/gone", 0644, "low")
                .plain();
        var upper = new LayerBuilder()
                .directory("data", 0755)
                .file("data/both", 0644, "high")
                .file("data/.wh.gone", 0644, "")
                .plain();
        berth.registry()
                .add(
                        "layers",
                        "latest",
                        new ImageBuilder().layer(lower).layer(upper).build());
        String image = berth.image("layers");
        pods.pull(image);
        Mount.Builder mount = Mount.newBuilder()
                .setReadonly(true)
                .setContainerPath("/whole")
                .setImage(ImageSpec.newBuilder().setImage(image));
        String id = started(
                handler,
                pods.container("layers", "sleep", "1000")
                        .addMounts(mount)
                        .addMounts(mount.clone().setContainerPath("/part").setImageSubPath("data"))
                        .addMounts(mount.clone().setContainerPath("/file").setImageSubPath("data/both")));
        var _ = pods.images()
                .removeImage(RemoveImageRequest.newBuilder()
                        .setImage(ImageSpec.newBuilder().setImage(image))
                        .build());
        assertThat(exec(id, "cat /whole/data/below /whole/data/both /part/both /part/below /file"))
                .isEqualTo("lowhighhighlowhigh");
        assertThat(exec(id, "ls /part")).isEqualTo("below\nboth\n");
        assertThat(exec(id, "touch /part/x 2>&1 || echo refused")).contains("refused");
    }
}

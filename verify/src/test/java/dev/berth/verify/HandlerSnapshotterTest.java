package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.FilesystemUsage;
import dev.berth.wire.cri.ImageFilter;
import dev.berth.wire.cri.ImageFsInfoRequest;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.ImageStatusRequest;
import dev.berth.wire.cri.ImageStatusResponse;
import dev.berth.wire.cri.ListImagesRequest;
import dev.berth.wire.cri.PullImageRequest;
import dev.berth.wire.cri.RemoveImageRequest;
import io.grpc.Status;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** A handler whose containers stand on another snapshotter than all others'. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class HandlerSnapshotterTest {
    private static final String HANDLER = "copying";

    private Berth berth;
    private GrpcPods pods;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.connected("""
                [images]
                snapshotter = "overlay"
                discard_unpacked_layers = true
                [runtime.copying]
                path = "crun"
                snapshotter = "native"
                """);
        pods = new GrpcPods(berth);
    }

    @AfterEach
    void removeAll() {
        pods.removeAll();
        pods.images()
                .listImages(ListImagesRequest.getDefaultInstance())
                .getImagesList()
                .forEach(image -> {
                    var _ = pods.images()
                            .removeImage(RemoveImageRequest.newBuilder()
                                    .setImage(ImageSpec.newBuilder().setImage(image.getId()))
                                    .build());
                });
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            pods.close();
            berth.close();
        }
    }

    private ImageSpec image(String handler) {
        return ImageSpec.newBuilder()
                .setImage(berth.image("busybox"))
                .setRuntimeHandler(handler)
                .build();
    }

    private void pull(String handler) {
        assertThat(pods.images()
                        .pullImage(PullImageRequest.newBuilder()
                                .setImage(image(handler))
                                .build())
                        .getImageRef())
                .isNotEmpty();
    }

    private ImageStatusResponse status(String handler) {
        return pods.images()
                .imageStatus(
                        ImageStatusRequest.newBuilder().setImage(image(handler)).build());
    }

    private long listed(String handler) {
        return pods.images()
                .listImages(ListImagesRequest.newBuilder()
                        .setFilter(ImageFilter.newBuilder()
                                .setImage(ImageSpec.newBuilder().setRuntimeHandler(handler)))
                        .build())
                .getImagesCount();
    }

    private List<FilesystemUsage> filesystems() {
        return pods.images()
                .imageFsInfo(ImageFsInfoRequest.getDefaultInstance())
                .getImageFilesystemsList();
    }

    /** What the packed layers are thrown away of can be run all the same. */
    @Test
    void whatIsUnpackedIsListedWithItsPlatform() {
        for (String handler : List.of("", HANDLER)) {
            pull(handler);
            assertThat(Berth.run(List.of(
                                    Project.ROOT.resolve("berth").toString(),
                                    "image",
                                    "ls",
                                    "--config",
                                    berth.config().toString()))
                            .text())
                    .contains(berth.image("busybox"))
                    .contains("linux/");
            removeAll();
        }
    }

    /** The type of the root file system of a container, as it sees it. */
    private String root(String handler) {
        String pod = pods.run(pods.pod("pod-" + handler).build(), handler);
        String container = pods.create(
                pod, pods.container("main-" + handler, "sleep", "1000").build());
        pods.start(container);
        assertThat(pods.runtime()
                        .containerStatus(ContainerStatusRequest.newBuilder()
                                .setContainerId(container)
                                .setVerbose(true)
                                .build())
                        .getInfoMap()
                        .get("info"))
                .contains("\"snapshotter\":\"" + (handler.equals(HANDLER) ? "native" : "overlayfs") + "\"");
        String mounts = pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(container)
                        .addAllCmd(List.of("cat", "/proc/self/mounts"))
                        .build())
                .getStdout()
                .toStringUtf8();
        return mounts.lines()
                .filter(line -> line.split(" ", -1)[1].equals("/"))
                .map(line -> line.split(" ", -1)[2])
                .findFirst()
                .orElse("");
    }

    @Test
    void anImageIsUnpackedForTheHandlerThatItIsPulledFor() {
        pull(HANDLER);
        assertThat(status(HANDLER).getImage().getSpec().getRuntimeHandler()).isEqualTo(HANDLER);
        assertThat(listed(HANDLER)).isOne();
        assertThat(filesystems()).hasSize(2);
        FilesystemUsage copies = filesystems().getLast();
        assertThat(copies.getFsId().getMountpoint()).isEqualTo(berth.root() + "/native");
        assertThat(copies.getUsedBytes().getValue()).isGreaterThan(100_000);
        assertThat(root(HANDLER)).isNotEqualTo("overlay").isNotEmpty();
        pods.removeAll();
        removeAll();
        assertThat(filesystems().getLast().getUsedBytes().getValue()).isZero();
    }

    /** As containerd has it until 2.4: the field of the request goes first, and what is no handler says nothing. */
    @Test
    void anAnnotationOfThePodNamesTheHandlerToo() {
        pullFor(HANDLER, "");
        assertThat(status(HANDLER).hasImage()).isTrue();
        removeAll();
        pullFor("", HANDLER);
        assertThat(status(HANDLER).hasImage()).isTrue();
        removeAll();
        pullFor("", "none");
        assertThat(status(HANDLER).hasImage()).isFalse();
    }

    private void pullFor(String handler, String annotated) {
        assertThat(pods.images()
                        .pullImage(PullImageRequest.newBuilder()
                                .setImage(image(handler))
                                .setSandboxConfig(
                                        pods.pod("pod").putAnnotations("io.containerd.cri.runtime-handler", annotated))
                                .build())
                        .getImageRef())
                .isNotEmpty();
    }

    /** The packed layers are not kept here, so another handler's are to be had from the registry alone. */
    @Test
    void anImageIsNotThereForAHandlerThatWouldHaveToPullIt() {
        pull("");
        assertThat(root("")).isEqualTo("overlay");
        assertThat(status("").hasImage()).isTrue();
        assertThat(status(HANDLER).hasImage()).isFalse();
        assertThat(listed(HANDLER)).isZero();
        String pod = pods.run(pods.pod("pod").build(), HANDLER);
        GrpcPods.refused(
                Status.Code.NOT_FOUND,
                () -> pods.create(pod, pods.container("main", "sleep", "1").build()),
                "Pull it again with the runtime handler");
        pull(HANDLER);
        assertThat(status(HANDLER).hasImage()).isTrue();
        assertThat(root(HANDLER)).isNotEqualTo("overlay").isNotEmpty();
    }

    @Test
    void layersThatAreThereAreUnpackedWhenAContainerNeedsThem() {
        String spec = berth.image("busybox");
        assertThat(berth.crictl("images").text()).doesNotContain(spec);
        var imported = Berth.run(List.of(
                Project.ROOT.resolve("berth").toString(),
                "image",
                "pull",
                "--config",
                berth.config().toString(),
                spec));
        assertThat(imported.exit()).as(imported.err()).isZero();
        assertThat(status(HANDLER).hasImage()).as("its packed layers are").isTrue();
        assertThat(root(HANDLER)).isNotEqualTo("overlay").isNotEmpty();
        assertThat(root("")).isEqualTo("overlay");
    }

    @Test
    void anUnknownHandlerIsRefused() {
        GrpcPods.refused(Status.Code.INVALID_ARGUMENT, () -> pull("none"), "runtime handler \"none\"");
        GrpcPods.refused(Status.Code.INVALID_ARGUMENT, () -> listed("none"), "runtime handler \"none\"");
    }
}

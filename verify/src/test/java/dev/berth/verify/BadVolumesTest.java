package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.wire.cri.ExecSyncRequest;
import dev.berth.wire.cri.ExecSyncResponse;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.RemoveImageRequest;
import io.grpc.Status;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

/** Volumes that a stranger's image declares at odd places: they are inside the container or nowhere, and what is refused leaves nothing. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@ExtendWith(Leaks.class)
class BadVolumesTest {
    /** A name that neither the node nor an image has. */
    private static final String ODD = "bt-odd-volume";

    private final List<String> served = new ArrayList<>();
    private Berth berth;
    private GrpcPods pods;
    private AtRest rest;

    @BeforeAll
    void start() throws IOException, InterruptedException {
        Peers.need("crictl");
        berth = Berth.start();
        pods = new GrpcPods(berth);
        rest = AtRest.settled(berth);
    }

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        pods.removeAll();
        served.forEach(image -> {
            var _ = pods.images()
                    .removeImage(RemoveImageRequest.newBuilder()
                            .setImage(ImageSpec.newBuilder().setImage(image))
                            .build());
        });
        served.clear();
        rest.isSame(berth);
        assertThat(Inventory.files(berth.root().resolve("volumes")))
                .as("directories of volumes")
                .isEmpty();
    }

    @AfterAll
    void stop() throws IOException {
        if (berth != null) {
            pods.close();
            berth.close();
        }
    }

    /** Makes an image available under a name of its own. */
    private String image(LayerBuilder more, String... volumes) {
        ImageBuilder image = Busybox.image().layer(more.gzip()).volumes(volumes);
        String name = "volumes" + served.size();
        berth.registry().add(name, "latest", image.build());
        pods.pull(berth.image(name));
        served.add(berth.image(name));
        return berth.image(name);
    }

    private static LayerBuilder layer() {
        return new LayerBuilder().directory("etc", 0755).file("etc/of-the-image", 0644, "it");
    }

    private String create(String pod, String image) {
        return pods.create(
                pod,
                pods.container("c" + served.size(), "sleep", "1000")
                        .setImage(ImageSpec.newBuilder().setImage(image))
                        .build());
    }

    private String start(String image) {
        String id = create(pods.run("bt-volumes" + served.size()), image);
        pods.start(id);
        return id;
    }

    private ExecSyncResponse exec(String container, String... command) {
        return pods.runtime()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(container)
                        .addAllCmd(List.of(command))
                        .build());
    }

    private boolean isVolume(String container, String place) {
        String escaped = place.replaceAll("[\\\\ \t\n]", "?"); // as the kernel and this test agree to write it
        return exec(container, "cat", "/proc/self/mountinfo")
                .getStdout()
                .toStringUtf8()
                .lines()
                .map(line -> line.split(" ", -1)[4].replaceAll("\\\\(134|040|011|012)", "?"))
                .anyMatch(escaped::equals);
    }

    @Test
    void whatLeadsUpEndsAtTheRootOfTheContainer() {
        String container = start(image(
                layer().directory(ODD, 0755).file(ODD + "/file", 0644, "of the image"),
                "/../../../../../../../" + ODD,
                "../../" + ODD + "/./../" + ODD + "-2",
                ODD + "-3//below/",
                "/etc/../../../" + ODD + "-4/.." + "/" + ODD + "-4"));
        for (String end : List.of("", "-2", "-3/below", "-4")) {
            assertThat(isVolume(container, "/" + ODD + end)).as(end).isTrue();
        }
        assertThat(exec(container, "cat", "/" + ODD + "/file").getStdout().toStringUtf8())
                .isEqualTo("of the image");
        assertThat(exec(container, "touch", "/" + ODD + "-2/new").getExitCode()).isZero();
        for (Path outside : List.of(Path.of("/"), berth.root(), berth.state(), berth.folder())) {
            for (String end : List.of("", "-2", "-3", "-4")) {
                assertThat(outside.resolve(ODD + end)).doesNotExist();
            }
        }
    }

    @Test
    void linksOfTheImageLeadNowhereElse() {
        String container = start(image(
                layer().symbolicLink("up", "../../../../../../etc").symbolicLink("abs", "/../..//./etc"),
                "/up",
                "/abs/" + ODD));
        assertThat(exec(container, "ls", "/up").getStdout().toStringUtf8())
                .as("the /etc of the image")
                .contains("of-the-image\n")
                .doesNotContain("shadow");
        assertThat(isVolume(container, "/etc/" + ODD))
                .as("within the container")
                .isTrue();
        assertThat(exec(container, "touch", "/up/new", "/abs/" + ODD + "/new").getExitCode())
                .isZero();
        assertThat(Path.of("/etc/new")).doesNotExist();
        assertThat(Path.of("/etc", ODD)).doesNotExist();
    }

    /** What confines the container is there; a volume over it would let an image say that nothing does. */
    @Test
    void noLinkBringsAVolumeOverWhatConfines() {
        String[] places = {"proc", "proc/self/attr", "proc/sys", "sys", "sys/fs", "dev", "dev/shm"};
        String pod = pods.run("bt-covered");
        for (String place : places) {
            LayerBuilder links = layer().symbolicLink("innocent", "/etc/../" + place);
            for (String volume : List.of("/innocent", "/innocent/new")) {
                GrpcPods.refused(
                        Status.Code.INVALID_ARGUMENT,
                        () -> create(pod, image(links, volume)),
                        "volume \"" + volume + "\" of the image",
                        "lead to /" + place,
                        "Correct VOLUME in the image");
            }
        }
        String container = start(image(layer(), "/proc", "/sys/fs", "/dev/../dev/shm"));
        assertThat(exec(container, "sh", "-c", "head -n1 /proc/1/status")
                        .getStdout()
                        .toStringUtf8())
                .isEqualTo("Name:\tsleep\n");
    }

    @Test
    void namesThatNoPathCanHave() {
        String pod = pods.run("bt-names");
        for (String none : List.of("/", "", ".", "..", "/..", "//", "/a/..", "/a\0b")) {
            GrpcPods.refused(
                    Status.Code.INVALID_ARGUMENT,
                    () -> create(pod, image(layer(), "/good", none)),
                    "of the image",
                    "Correct VOLUME in the image");
        }
        for (String longer : List.of("/" + "a".repeat(300), "/" + "b/".repeat(3000) + "c")) {
            GrpcPods.refused(
                    Status.Code.INVALID_ARGUMENT,
                    () -> create(pod, image(layer(), longer)),
                    "longer than a path can be",
                    "Correct VOLUME in the image");
        }
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT,
                () -> create(pod, image(layer().symbolicLink("a", "b").symbolicLink("b", "a"), "/a/x")),
                "in a circle");
        for (String file : List.of("/etc/of-the-image", "/etc/of-the-image/below")) {
            GrpcPods.refused(
                    Status.Code.INVALID_ARGUMENT,
                    () -> create(pod, image(layer(), file)),
                    "the image has a file there");
        }
        String[] many = IntStream.range(0, 129).mapToObj(i -> "/v" + i).toArray(String[]::new);
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT, () -> create(pod, image(layer(), many)), "more than 128 volumes");
    }

    @Test
    void controlCharactersAreNamesLikeOthersAndNobodysOrders() throws IOException {
        String odd = "/a\nb\t\u001b[31m\u0007 \\012%s";
        String container = start(image(layer(), odd, "/\u00fcml\u00e4ut"));
        assertThat(isVolume(container, odd)).isTrue();
        assertThat(isVolume(container, "/\u00fcml\u00e4ut")).isTrue();
        String pod = pods.run("bt-control");
        String message = GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT,
                () -> create(pod, image(layer(), "/x\u001b[31m\n\r" + "y".repeat(300))),
                "longer than a path can be");
        assertThat(message).doesNotContain("\u001b", "\n", "\r").hasSizeLessThan(600);
        assertThat(Files.readString(berth.log())).doesNotContain("\u001b[31m");
    }
}

package dev.berth.images;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.registry.Faults;
import dev.berth.images.sample.ImageBuilder;
import dev.berth.images.sample.LayerBuilder;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.kernel.Fault;
import dev.berth.kernel.Namespace;
import dev.berth.linux.LinuxDisk;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import dev.berth.oci.MediaTypes;
import dev.berth.oci.Reference;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A mirror whose content is damaged: the registry itself has it right, or there is an error that says so. */
class BadMirrorTest extends ImagesFixture {
    private static final Reference NAME = Reference.parse("reg.example/app:1");

    private final LayerBuilder.Layer layer =
            new LayerBuilder().file("f", 0644, noise(4711, 1_200_000)).gzip();
    private final ImageBuilder.Built image = new ImageBuilder().layer(layer).build();
    private final Faults atMirror = new Faults();
    private final Faults atOrigin = new Faults();
    private final ServedRegistry mirror = ServedRegistry.start(atMirror).add("app", "1", image);
    private final ServedRegistry origin = ServedRegistry.start(atOrigin).add("app", "1", image);

    BadMirrorTest(@TempDir Path root) throws IOException {
        super(root, new LinuxDisk(), shortPauses(2).withHosts(List.of(root.resolve("certs.d"))), ImageSettings.DEFAULT);
        Files.writeString(
                Files.createDirectories(root.resolve("certs.d/reg.example")).resolve("hosts.toml"),
                "server = \"http://" + origin.authority() + "\"\n[host.\"http://" + mirror.authority() + "\"]\n");
    }

    @AfterEach
    void close() {
        mirror.close();
        origin.close();
    }

    private Image pull() {
        return images.pull(PullRequest.of(Namespace.KUBERNETES, NAME));
    }

    private String layerPath() {
        return "/blobs/" + layer.descriptor().digest();
    }

    private static byte[] changed(byte[] right, int at) {
        byte[] wrong = right.clone();
        wrong[at] ^= 1;
        return wrong;
    }

    @Test
    void aLayerThatCannotBeUnpacked() {
        atMirror.always(
                layerPath(),
                Faults.reply(200, "x/y", new byte[(int) layer.descriptor().size()]));
        assertThat(pull().id()).isEqualTo(image.id());
        assertThat(atMirror.count(layerPath())).isEqualTo(1);
        assertThat(atOrigin.count(layerPath())).isEqualTo(1);
    }

    @Test
    void aLayerThatNeverEnds() {
        atMirror.always(layerPath(), Faults.reply(200, "x/y", bomb(layer.bytes().length)));
        assertThat(pull().id()).isEqualTo(image.id());
        assertThat(atMirror.count(layerPath())).isEqualTo(1);
        assertThat(atOrigin.count(layerPath())).isEqualTo(1);
    }

    /** More than a gibibyte of nothing, packed, and then what makes the size right. */
    private static byte[] bomb(int size) {
        var packed = new ByteArrayOutputStream();
        byte[] nothing = new byte[1 << 20];
        try (var gzip = new GZIPOutputStream(packed)) {
            for (int i = 0; i <= 1025; i++) {
                gzip.write(nothing);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        assertThat(packed.size()).isLessThan(size);
        return Arrays.copyOf(packed.toByteArray(), size);
    }

    @Test
    void aLayerThatCannotBeUnpackedAnywhere() {
        for (Faults faults : List.of(atMirror, atOrigin)) {
            faults.always(layerPath(), Faults.reply(200, "x/y", new byte[layer.bytes().length]));
        }
        assertThatThrownBy(this::pull)
                .isInstanceOfSatisfying(
                        Fault.class,
                        fault -> assertThat(fault.code())
                                .as("the registries are to blame, not the image")
                                .isEqualTo(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining("what the registry sent is something else");
    }

    @Test
    void aLayerThatIsNoneAsItsDigestHasIt() {
        byte[] noise = noise(4711, 300_000);
        var none = new LayerBuilder.Layer(
                Descriptor.of(MediaTypes.OCI_LAYER_GZIP, Digest.of(noise), noise.length), Digest.of(noise), noise);
        var wrong = new ImageBuilder().layer(none).build();
        mirror.add("app", "1", wrong);
        origin.add("app", "1", wrong);
        assertThatThrownBy(this::pull)
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
        assertThat(atMirror.count("/blobs/" + Digest.of(noise))).isEqualTo(1);
        assertThat(atOrigin.count("/blobs/" + Digest.of(noise)))
                .as("nobody has it in a better way")
                .isZero();
    }

    @Test
    void aLayerWithABitThatMattersOnlyToItsDigest() {
        atMirror.always(layerPath(), Faults.reply(200, "x/y", changed(layer.bytes(), 4))); // the time in gzip's head
        assertThat(pull().id()).isEqualTo(image.id());
        assertThat(atMirror.count(layerPath())).isEqualTo(1);
    }

    @Test
    void aConfig() {
        String path = "/blobs/" + image.id();
        byte[] right = image.blobs().getOrDefault(image.id(), new byte[0]);
        atMirror.always(path, Faults.reply(200, "x/y", changed(right, 1)));
        assertThat(pull().id()).isEqualTo(image.id());
        assertThat(atMirror.count(path)).isEqualTo(1);
        assertThat(atOrigin.count(path)).isEqualTo(1);
    }

    @Test
    void aLayerThatIsWrongEverywhere() throws InterruptedException {
        for (Faults faults : List.of(atMirror, atOrigin)) {
            faults.always(layerPath(), Faults.reply(200, "x/y", changed(layer.bytes(), 4)));
        }
        assertThatThrownBy(this::pull)
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.FAILED_PRECONDITION))
                .hasMessageContaining("what the registry sent is something else");
        assertThat(atMirror.count(layerPath())).isEqualTo(1);
        assertThat(atOrigin.count(layerPath())).isEqualTo(1);
        images.sweepEverything();
        assertThat(store.blobs().list()).isEmpty();
    }
}

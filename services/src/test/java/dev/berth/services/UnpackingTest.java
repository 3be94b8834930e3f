package dev.berth.services;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.images.PullRequest;
import dev.berth.kernel.Fault;
import dev.berth.wire.containerd.transfertypes.ImageStore;
import dev.berth.wire.containerd.transfertypes.UnpackConfiguration;
import dev.berth.wire.shim.types.Platform;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** No wish to unpack is dropped in silence. */
class UnpackingTest {
    private static final Unpacking UNPACKING = new Unpacking("overlayfs", Set.of("overlayfs", "native"));

    private static UnpackConfiguration unpack(String architecture, String snapshotter) {
        return UnpackConfiguration.newBuilder()
                .setPlatform(Platform.newBuilder().setOs("linux").setArchitecture(architecture))
                .setSnapshotter(snapshotter)
                .build();
    }

    private static PullRequest.Extent extent(UnpackConfiguration... unpacks) {
        var to = ImageStore.newBuilder();
        for (UnpackConfiguration unpack : unpacks) {
            to.addUnpacks(unpack);
        }
        return UNPACKING.extent(to.build(), false);
    }

    @Test
    void noNameIsTheMainOne() {
        PullRequest.Extent extent = extent(unpack("amd64", ""), unpack("arm64", "overlayfs"));
        assertThat(extent.snapshotter()).isEqualTo("overlayfs");
        assertThat(extent.unpacked())
                .extracting(dev.berth.oci.Platform::architecture)
                .containsExactly("amd64", "arm64");
    }

    @Test
    void whatIsUnknownIsNotUnpacked() {
        PullRequest.Extent extent = extent(unpack("amd64", "btrfs"), unpack("arm64", "native"));
        assertThat(extent.snapshotter()).isEqualTo("native");
        assertThat(extent.unpacked())
                .extracting(dev.berth.oci.Platform::architecture)
                .containsExactly("arm64");
        assertThat(extent().unpacked()).isEmpty();
    }

    @Test
    void onlyUnknownOnesAreRefused() {
        assertThatThrownBy(() -> extent(unpack("amd64", "btrfs")))
                .hasMessageContaining("not loaded: btrfs")
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT));
    }

    @Test
    void aMissingPlatformIsAnErrorForWhoLimitsThem() {
        assertThat(extent().lenient()).isTrue();
        ImageStore limited = ImageStore.newBuilder().setManifestLimit(1).build();
        assertThat(UNPACKING.extent(limited, false).lenient()).isFalse();
    }

    @Test
    void severalAreRefused() {
        assertThatThrownBy(() -> extent(unpack("amd64", ""), unpack("amd64", "native")))
                .hasMessageContaining("overlayfs, native")
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.UNIMPLEMENTED));
    }
}

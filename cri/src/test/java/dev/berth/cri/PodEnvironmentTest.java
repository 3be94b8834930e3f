package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.kernel.Fault;
import dev.berth.network.Bandwidth;
import dev.berth.network.NetworkNamespaces;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the network is told of a pod. */
class PodEnvironmentTest {
    private final NetworkNamespaces namespaces;
    private final PodEnvironment environment;

    @SuppressWarnings("NullAway") // nothing is made here
    PodEnvironmentTest(@TempDir Path folder) throws IOException {
        namespaces = NetworkNamespaces.open(folder.resolve("netns"));
        environment =
                new PodEnvironment(null, null, namespaces, new UserNamespaceSupport(folder), folder.resolve("files"));
    }

    @AfterEach
    void close() {
        namespaces.close();
    }

    @Test
    void itsLimitsOfBandwidth() throws InterruptedException {
        Pod limited = SamplePod.with(
                Map.of("kubernetes.io/ingress-bandwidth", "10M", "kubernetes.io/egress-bandwidth", "1k"));
        environment.check(limited.config());
        assertThat(environment.networkRequest(limited).bandwidth()).isEqualTo(new Bandwidth(10_000_000, 1_000));
        assertThat(environment.networkRequest(SamplePod.with(Map.of())).bandwidth())
                .isNull();
    }

    @Test
    void aBandwidthThatIsNoneIsRefusedBeforeAnythingIsMade() {
        assertThatThrownBy(() -> environment.check(SamplePod.with(Map.of("kubernetes.io/egress-bandwidth", "fast"))
                        .config()))
                .isInstanceOfSatisfying(
                        Fault.class, fault -> assertThat(fault.code()).isEqualTo(Fault.Code.INVALID_ARGUMENT))
                .hasMessageContaining("egress-bandwidth");
    }

    @Test
    void aBandwidthThatIsNoneHindersNoFarewell() {
        Pod old = SamplePod.with(Map.of("kubernetes.io/egress-bandwidth", "fast"));
        assertThat(environment.networkRequest(old).bandwidth()).isNull();
    }
}

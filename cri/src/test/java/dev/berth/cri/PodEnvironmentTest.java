package dev.berth.cri;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.berth.cri.config.PodConfig;
import dev.berth.cri.spec.PodFiles;
import dev.berth.kernel.Fault;
import dev.berth.network.Bandwidth;
import dev.berth.network.NetworkNamespaces;
import dev.berth.network.PodNetworkRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the network is told of a pod. */
class PodEnvironmentTest {
    private final NetworkNamespaces namespaces;
    private final PodEnvironment environment;
    private final Path nodeName;
    private final Path files;

    @SuppressWarnings("NullAway") // nothing is made here
    PodEnvironmentTest(@TempDir Path folder) throws IOException {
        namespaces = NetworkNamespaces.open(folder.resolve("netns"));
        nodeName = folder.resolve("name");
        files = folder.resolve("files");
        environment = new PodEnvironment(
                null, null, namespaces, new UserNamespaceSupport(folder), new NodeName(nodeName), files);
        Files.writeString(nodeName, "node\n");
    }

    @AfterEach
    void close() {
        namespaces.close();
    }

    @Test
    void aPodWithoutANameHasTheNodesAsItWasThen() throws IOException, InterruptedException {
        Pod pod = SamplePod.with(Map.of());
        Files.writeString(nodeName, "-\n");
        assertThatThrownBy(() -> environment.check(pod.config())).hasMessageContaining("is not a hostname");
        for (String unset : List.of("\n", "(none)\n")) {
            Files.writeString(nodeName, unset);
            environment.check(pod.config());
            assertThat(new NodeName(nodeName).now()).isEqualTo("localhost");
        }
        Path own = Files.createDirectories(environment.files(pod.id()));
        assertThat(own).startsWith(files);
        PodFiles.write(own, new PodFiles.Content("before", List.of(), null, false));
        assertThat(environment.hostname(pod)).isEqualTo("before");
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
    void whatTheNetworkIsToldOfAPod() {
        var config = new PodConfig(
                new PodConfig.PodMetadata("web", "uid-1", "space", 2),
                "its-name",
                "",
                new PodConfig.DnsConfig(List.of("192.0.2.53"), List.of("example"), List.of("ndots:7")),
                List.of(
                        new PodConfig.PortMapping(PodConfig.PortMapping.Protocol.TCP, 80, 8080, ""),
                        new PodConfig.PortMapping(PodConfig.PortMapping.Protocol.UDP, 53, 5353, "192.0.2.1"),
                        new PodConfig.PortMapping(PodConfig.PortMapping.Protocol.SCTP, 7, 0, "")),
                Map.of("label", "x"),
                Map.of("note", "any"),
                "/parent",
                null,
                Map.of(),
                null,
                null);
        var pod = new Pod("p", config, "", PodState.CREATING, 1, null, List.of(), false, List.of());
        assertThat(environment.networkRequest(pod))
                .isEqualTo(new PodNetworkRequest(
                        "p",
                        "web",
                        "space",
                        "uid-1",
                        namespaces.path("p").toString(),
                        List.of(
                                new PodNetworkRequest.PortMapping(PodNetworkRequest.Protocol.TCP, 80, 8080, ""),
                                new PodNetworkRequest.PortMapping(
                                        PodNetworkRequest.Protocol.UDP, 53, 5353, "192.0.2.1"),
                                new PodNetworkRequest.PortMapping(PodNetworkRequest.Protocol.SCTP, 7, 0, "")),
                        null,
                        new PodNetworkRequest.Dns(List.of("192.0.2.53"), List.of("example"), List.of("ndots:7")),
                        Map.of("note", "any"),
                        "/parent",
                        List.of(),
                        ""));
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

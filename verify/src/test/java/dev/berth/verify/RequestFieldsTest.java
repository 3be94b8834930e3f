package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import dev.berth.images.sample.Busybox;
import dev.berth.images.sample.ServedRegistry;
import dev.berth.wire.cri.AttachRequest;
import dev.berth.wire.cri.AuthConfig;
import dev.berth.wire.cri.ContainerConfig;
import dev.berth.wire.cri.ContainerState;
import dev.berth.wire.cri.ContainerStatusRequest;
import dev.berth.wire.cri.ExecRequest;
import dev.berth.wire.cri.ImageSpec;
import dev.berth.wire.cri.ImageStatusRequest;
import dev.berth.wire.cri.LinuxContainerResources;
import dev.berth.wire.cri.ListContainersRequest;
import dev.berth.wire.cri.ListPodSandboxRequest;
import dev.berth.wire.cri.PodSandboxConfig;
import dev.berth.wire.cri.PodSandboxState;
import dev.berth.wire.cri.PodSandboxStatusRequest;
import dev.berth.wire.cri.PodSandboxStatusResponse;
import dev.berth.wire.cri.PortForwardRequest;
import dev.berth.wire.cri.PullImageRequest;
import dev.berth.wire.cri.RemoveContainerRequest;
import dev.berth.wire.cri.StopContainerRequest;
import io.grpc.Status;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Fields of the requests themselves, which crictl cannot set apart: docs/cri.md names these tests. */
class RequestFieldsTest extends BusyboxPods {
    private String started(String pod, String name) {
        String id = pods.create(pod, pods.container(name, "sleep", "1000").build());
        pods.start(id);
        return id;
    }

    private ContainerState state(String container) {
        return pods.runtime()
                .containerStatus(ContainerStatusRequest.newBuilder()
                        .setContainerId(container)
                        .build())
                .getStatus()
                .getState();
    }

    private PodSandboxStatusResponse status(String pod, boolean verbose) {
        return pods.runtime()
                .podSandboxStatus(PodSandboxStatusRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .setVerbose(verbose)
                        .build());
    }

    /** And of two only the one that is named is stopped and removed. */
    @Test
    void theBeginningOfAnIdIsEnough() {
        String pod = pods.run("named");
        String other = pods.run("other");
        String short1 = pod.substring(0, 13);
        String container =
                pods.create(short1, pods.container("named", "sleep", "1000").build());
        String neighbour = started(pod, "neighbour");
        String short2 = container.substring(0, 13);
        assertThat(status(short1, false).getStatus().getId()).isEqualTo(pod);
        pods.start(short2);
        assertThat(state(short2)).isEqualTo(ContainerState.CONTAINER_RUNNING);
        var _ = pods.runtime()
                .stopContainer(
                        StopContainerRequest.newBuilder().setContainerId(short2).build());
        assertThat(state(container)).isEqualTo(ContainerState.CONTAINER_EXITED);
        assertThat(state(neighbour)).isEqualTo(ContainerState.CONTAINER_RUNNING);
        var _ = pods.runtime()
                .removeContainer(RemoveContainerRequest.newBuilder()
                        .setContainerId(short2)
                        .build());
        assertThat(pods.runtime()
                        .listContainers(ListContainersRequest.getDefaultInstance())
                        .getContainersList())
                .extracting(each -> each.getId())
                .containsExactly(neighbour);
        pods.stop(short1);
        assertThat(status(pod, false).getStatus().getState()).isEqualTo(PodSandboxState.SANDBOX_NOTREADY);
        assertThat(status(other, false).getStatus().getState()).isEqualTo(PodSandboxState.SANDBOX_READY);
        pods.remove(short1);
        assertThat(pods.runtime()
                        .listPodSandbox(ListPodSandboxRequest.getDefaultInstance())
                        .getItemsList())
                .extracting(each -> each.getId())
                .containsExactly(other);
    }

    /** The kubelet makes a pod and a container anew with nothing changed but the attempt. */
    @Test
    void allOfTheMetadataIsTheName() {
        PodSandboxConfig first = pods.pod("named").build();
        String pod = pods.run(first, "");
        var other = first.toBuilder();
        var ids = new ArrayList<>(List.of(pod));
        other.getMetadataBuilder().setAttempt(1);
        ids.add(pods.run(other.build(), ""));
        other.getMetadataBuilder().setUid("another");
        ids.add(pods.run(other.build(), ""));
        other.getMetadataBuilder().setNamespace("another");
        ids.add(pods.run(other.build(), ""));
        other.getMetadataBuilder().setName("another");
        ids.add(pods.run(other.build(), ""));
        assertThat(ids).doesNotHaveDuplicates();
        GrpcPods.refused(Status.Code.ALREADY_EXISTS, () -> pods.run(first, ""), "named");

        ContainerConfig.Builder container = pods.container("named", "true");
        pods.create(pod, container.build());
        GrpcPods.refused(Status.Code.ALREADY_EXISTS, () -> pods.create(pod, container.build()), "named");
        container.getMetadataBuilder().setAttempt(1);
        pods.create(pod, container.build());
        container.getMetadataBuilder().setName("another");
        pods.create(pod, container.build());
        pods.create(ids.getLast(), container.build());
    }

    @Test
    void moreIsSaidOnlyWhenAsked() {
        String pod = pods.run("verbose");
        String id = started(pod, "verbose");
        assertThat(status(pod, false).getInfoMap()).isEmpty();
        assertThat(status(pod, true).getInfoMap()).containsKeys("info", "timeline");
        var container = ContainerStatusRequest.newBuilder().setContainerId(id);
        assertThat(pods.runtime().containerStatus(container.build()).getInfoMap())
                .isEmpty();
        assertThat(pods.runtime()
                        .containerStatus(container.setVerbose(true).build())
                        .getInfoMap())
                .containsKeys("info", "timeline");
        var image =
                ImageStatusRequest.newBuilder().setImage(ImageSpec.newBuilder().setImage(berth.image("busybox")));
        assertThat(pods.images().imageStatus(image.build()).getInfoMap()).isEmpty();
        assertThat(pods.images().imageStatus(image.setVerbose(true).build()).getInfoMap())
                .containsOnlyKeys("info")
                .hasEntrySatisfying(
                        "info",
                        info -> assertThat(info).contains("\"chainID\":\"sha256:", "\"imageSpec\":{", "\"rootfs\":{"));
    }

    @Test
    void limitsWithWhichAPodIsRun() {
        var config = pods.pod("limits");
        config.getLinuxBuilder()
                .setOverhead(LinuxContainerResources.newBuilder().setCpuShares(71))
                .setResources(LinuxContainerResources.newBuilder().setCpuShares(72));
        Map<String, String> info = status(pods.run(config.build(), ""), true).getInfoMap();
        assertThat(info.get("overhead")).contains("71").doesNotContain("72");
        assertThat(info.get("resources")).contains("72").doesNotContain("71");
    }

    /** What came on each channel of a WebSocket, until it was closed. */
    private static final class Channels implements WebSocket.Listener {
        private final Map<Integer, String> said = new ConcurrentHashMap<>();
        private final CompletableFuture<Boolean> closed = new CompletableFuture<>();

        @Override
        public @Nullable CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
            int channel = data.get();
            said.merge(channel, StandardCharsets.ISO_8859_1.decode(data).toString(), String::concat);
            socket.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            closed.complete(true);
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            closed.completeExceptionally(error);
        }
    }

    private static Map<Integer, String> session(String url, String protocol) throws Exception {
        var channels = new Channels();
        try (HttpClient client = HttpClient.newHttpClient()) {
            WebSocket socket = client.newWebSocketBuilder()
                    .subprotocols(protocol)
                    .buildAsync(URI.create(url.replaceFirst("http", "ws")), channels)
                    .get(Berth.LIMIT.toSeconds(), TimeUnit.SECONDS);
            assertThat(channels.closed.get(Berth.LIMIT.toSeconds(), TimeUnit.SECONDS))
                    .isTrue();
            socket.abort();
            client.shutdownNow();
        }
        return channels.said;
    }

    @Test
    void onlyTheStreamsThatWereAskedForAreCarried() throws Exception {
        String id = started(pods.run("streams"), "streams");
        var request = ExecRequest.newBuilder()
                .setContainerId(id)
                .addCmd("sh")
                .addCmd("-c")
                .addCmd("echo out; echo err >&2; read x; echo read $? >&2");
        GrpcPods.refused(Status.Code.INVALID_ARGUMENT, () -> pods.runtime().exec(request.build()), "no stream");
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT,
                () -> pods.runtime()
                        .attach(AttachRequest.newBuilder().setContainerId(id).build()),
                "no stream");
        GrpcPods.refused(
                Status.Code.INVALID_ARGUMENT,
                () -> pods.runtime()
                        .attach(AttachRequest.newBuilder()
                                .setContainerId(id)
                                .setTty(true)
                                .setStdout(true)
                                .setStderr(true)
                                .build()),
                "tty and stderr");
        String url =
                pods.runtime().exec(request.clone().setStderr(true).build()).getUrl();
        assertThat(session(url, "v5.channel.k8s.io"))
                .containsEntry(2, "err\nread 1\n") // without input the read ends at once
                .doesNotContainKey(1);
        url = pods.runtime().exec(request.clone().setStdout(true).build()).getUrl();
        assertThat(session(url, "v4.channel.k8s.io")).containsEntry(1, "out\n").doesNotContainKey(2);
    }

    @Test
    void portsOfAPlainWebSocketAreThoseOfTheRequest() throws Exception {
        String pod = pods.run("ports");
        String id = pods.create(
                pod,
                pods.container("ports", "nc", "-l", "-p", "8080", "-e", "echo", "hello")
                        .build());
        pods.start(id);
        for (int bad : new int[] {0, -1, 65536}) {
            GrpcPods.refused(
                    Status.Code.INVALID_ARGUMENT,
                    () -> pods.runtime()
                            .portForward(PortForwardRequest.newBuilder()
                                    .setPodSandboxId(pod)
                                    .addPort(bad)
                                    .build()),
                    "is no port");
        }
        String url = pods.runtime()
                .portForward(PortForwardRequest.newBuilder()
                        .setPodSandboxId(pod)
                        .addPort(9)
                        .build())
                .getUrl();
        assertThat(session(url, "v4.channel.k8s.io").get(1)).startsWith("\t\0").contains("port 9");
    }

    @Test
    void aPullShowsItsLogin() throws IOException {
        try (ServedRegistry guarded = ServedRegistry.start(new Guard("me:secret"))) {
            guarded.add("private", "latest", Busybox.image().env("OF=private").build());
            berth.trust(guarded.authority());
            var request = PullImageRequest.newBuilder()
                    .setImage(ImageSpec.newBuilder().setImage(guarded.authority() + "/private:latest"));
            var login = AuthConfig.newBuilder().setUsername("me");
            GrpcPods.refused(Status.Code.UNAUTHENTICATED, () -> pods.images().pullImage(request.build()));
            GrpcPods.refused(
                    Status.Code.UNAUTHENTICATED,
                    () -> pods.images()
                            .pullImage(request.clone()
                                    .setAuth(login.clone().setPassword("wrong"))
                                    .build()));
            assertThat(pods.images()
                            .pullImage(request.clone()
                                    .setAuth(login.setPassword("secret"))
                                    .build())
                            .getImageRef())
                    .startsWith("sha256:");
            berth.crictl("rmi", request.getImage().getImage()).text();
        }
    }

    /** Lets nobody in without a name and a password. */
    private static final class Guard extends Filter {
        private final String wanted;

        Guard(String login) {
            this.wanted = "Basic " + Base64.getEncoder().encodeToString(login.getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
            if (wanted.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
                chain.doFilter(exchange);
                return;
            }
            exchange.getResponseHeaders().add("WWW-Authenticate", "Basic realm=\"berth\"");
            exchange.sendResponseHeaders(401, -1);
            exchange.close();
        }

        @Override
        public String description() {
            return "asks for a login";
        }
    }
}

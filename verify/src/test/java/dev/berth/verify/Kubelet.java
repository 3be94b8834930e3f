package dev.berth.verify;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ids;
import io.avaje.jsonb.Jsonb;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Assumptions;

/**
 * The kubelet of Kubernetes 1.36 without a cluster: what it runs are manifests in a folder. Folders, cgroups and ports are its own,
 * and are taken back.
 */
final class Kubelet implements AutoCloseable {
    /** The node's name: it is in the certificate that a kubelet makes for itself, and at the end of each pod's name. */
    private static final String NODE = "localhost";

    private static final int OK = 200;
    private static final int LAST_LINES = 40;
    /** Of the node, said again and again. */
    private static final String HUM = " kubelet_node_status.go:";

    private static final String CONFIG = """
            apiVersion: kubelet.config.k8s.io/v1beta1
            kind: KubeletConfiguration
            address: 127.0.0.1
            port: PORT
            healthzPort: 0
            authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
            authorization: {mode: AlwaysAllow}
            registerNode: false
            containerRuntimeEndpoint: unix://SOCKET
            featureGates: {PodAndContainerStatsFromCRI: true, EventedPLEG: true}
            staticPodPath: FOLDER/manifests
            podLogsDir: FOLDER/logs
            volumePluginDir: FOLDER/plugins
            cgroupDriver: cgroupfs
            cgroupRoot: /NAME
            failCgroupV1: false
            failSwapOn: false
            oomScoreAdj: 0
            makeIPTablesUtilChains: false
            containerLogMaxSize: 64Ki
            containerLogMaxFiles: 50
            containerLogMonitorInterval: 3s
            crashLoopBackOff: {maxContainerRestartPeriod: 2s}
            evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
            imageGCHighThresholdPercent: 100
            """;

    private final Path program;
    private final Path folder;
    private final int port;
    private final String image;
    private final KubeletTraces traces;
    private Process process;
    private HttpClient client = HttpClient.newHttpClient();

    private Kubelet(Path program, Path folder, int port, String image) throws IOException {
        this.program = program;
        this.folder = folder;
        this.port = port;
        this.image = image;
        this.process = new ProcessBuilder("true").start();
        this.traces = new KubeletTraces(folder);
    }

    /** Starts one that drives a daemon, or skips the test if there is none to start. */
    static Kubelet start(Berth berth) throws IOException, InterruptedException, GeneralSecurityException {
        Path program = need();
        Path folder = Path.of("/var/lib", "btk" + Ids.random().substring(0, 6));
        Leaks.mark(folder.getFileName().toString());
        for (String each : List.of("manifests", "logs", "plugins", "witness")) {
            Files.createDirectories(folder.resolve(each));
        }
        var kubelet = new Kubelet(program, folder, freePort(), berth.image("busybox"));
        Files.writeString(
                folder.resolve("config.yaml"),
                CONFIG.replace("FOLDER", folder.toString())
                        .replace("NAME", folder.getFileName().toString())
                        .replace("SOCKET", berth.state().resolve("berth.sock").toString())
                        .replace("PORT", Integer.toString(kubelet.port)));
        try {
            kubelet.launch();
            return kubelet;
        } catch (InterruptedException | GeneralSecurityException | IOException | AssertionError e) {
            kubelet.process.destroyForcibly().waitFor();
            kubelet.close();
            throw e;
        }
    }

    /** The program; a test is skipped where it is missing, or where another kubelet has its devices. */
    static Path need() {
        Path program = Peers.need("kubelet");
        Assumptions.assumeTrue(
                ProcessHandle.allProcesses()
                        .map(it -> Berth.read(Path.of("/proc/" + it.pid() + "/cmdline")))
                        .noneMatch(it ->
                                it.matches("(?s)([^\0]*/)?kubelet\0.*") && !it.contains("--root-dir=/var/lib/bt")),
                "this machine has a kubelet of its own; two of them take each other's device plugins away");
        return program;
    }

    static int freePort() throws IOException {
        try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return free.getLocalPort();
        }
    }

    /** Starts it, anew if it was stopped before, and waits until it answers. */
    void launch() throws IOException, InterruptedException, GeneralSecurityException {
        process = new ProcessBuilder(
                        program.toString(),
                        "--config=" + folder.resolve("config.yaml"),
                        "--root-dir=" + folder,
                        "--cert-dir=" + folder.resolve("pki"),
                        "--hostname-override=" + NODE,
                        "--v=2")
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(logFile().toFile()))
                .start();
        Path certificate = folder.resolve("pki/kubelet.crt");
        try {
            Berth.until("the kubelet has a certificate", Berth.LIMIT, () -> Files.exists(certificate) || isGone());
            client = trusting(certificate);
            Berth.until("the kubelet answers", Berth.LIMIT, () -> answers("/healthz", "ok") || isGone());
            assertThat(isGone()).as("the kubelet has ended").isFalse();
        } catch (AssertionError e) {
            throw new AssertionError(e.getMessage() + "\n" + lastLines(), e);
        }
    }

    private boolean isGone() {
        return !process.isAlive();
    }

    private static HttpClient trusting(Path certificate) throws IOException, GeneralSecurityException {
        var trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null);
        try (InputStream bytes = Files.newInputStream(certificate)) {
            int number = 0; // it is signed by another that is made beside it
            for (var each : CertificateFactory.getInstance("X.509").generateCertificates(bytes)) {
                trusted.setCertificateEntry("kubelet" + number++, each);
            }
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        var context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return HttpClient.newBuilder().sslContext(context).build();
    }

    /** Whether its server answers this, now. */
    boolean answers(String path, String body) {
        try {
            HttpResponse<String> answer = send(path);
            return answer.statusCode() == OK && answer.body().equals(body);
        } catch (IOException notYet) {
            return false;
        }
    }

    private HttpResponse<String> send(String path) throws IOException {
        try {
            return client.send(
                    HttpRequest.newBuilder(URI.create("https://" + NODE + ":" + port + path))
                            .timeout(Berth.LIMIT)
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    /** What its server answers. */
    String get(String path) {
        try {
            HttpResponse<String> answer = send(path);
            assertThat(answer.statusCode()).as(path + ": " + answer.body()).isEqualTo(OK);
            return answer.body();
        } catch (IOException e) {
            throw new AssertionError(path, e);
        }
    }

    Map<?, ?> tree(String path) {
        return (Map<?, ?>) Jsonb.builder().build().type(Object.class).fromJson(get(path));
    }

    /** A pod by its name in the manifest. */
    Optional<KubeletPod> pod(String name) {
        return KubeletPod.list(tree("/pods"), "items").stream()
                .map(KubeletPod::new)
                .filter(pod -> pod.name().equals(onNode(name)))
                .findFirst();
    }

    /** The name that a pod has at the runtime. */
    static String onNode(String name) {
        return name + "-" + NODE;
    }

    /** Runs a command in a container, through the kubelet. */
    Berth.Result exec(String pod, String container, String input, String... command) throws InterruptedException {
        String path = "/exec/default/" + onNode(pod) + "/" + container;
        return KubeletExec.run(client, URI.create("wss://" + NODE + ":" + port + path), input, List.of(command));
    }

    /** What a shell in a container prints, which must end well. */
    String shell(String pod, String container, String script) throws InterruptedException {
        return exec(pod, container, "", "sh", "-c", script).text();
    }

    void manifest(String name) throws IOException {
        manifest(name, name, 0);
    }

    /**
     * Gives it a pod.
     *
     * @param template a file of the tests' resources
     * @param hostPort for a container that wants one
     */
    void manifest(String template, String name, int hostPort) throws IOException {
        String text;
        try (InputStream bytes =
                Objects.requireNonNull(Kubelet.class.getResourceAsStream("/kubelet/" + template + ".yaml"), template)) {
            text = new String(bytes.readAllBytes(), StandardCharsets.UTF_8);
        }
        Path whole = Files.writeString(
                folder.resolve("manifest"),
                text.replace("IMAGE", image)
                        .replace("WITNESS", folder.resolve("witness").toString())
                        .replace("NAME", name)
                        .replace("PORT", Integer.toString(hostPort)));
        Files.move(whole, file(name), StandardCopyOption.ATOMIC_MOVE);
    }

    private Path file(String name) {
        return folder.resolve("manifests").resolve(name + ".yaml");
    }

    /** Takes every pod from it. */
    void forgetAll() throws IOException {
        try (Stream<Path> all = Files.list(folder.resolve("manifests"))) {
            for (Path manifest : all.toList()) {
                Files.delete(manifest);
            }
        }
    }

    /** A file that pods and the node see. */
    Path witness(String pod, String file) {
        return folder.resolve("witness").resolve(pod).resolve(file);
    }

    /** The folder of a container's log files. */
    Path logs(KubeletPod pod, String container) {
        return folder.resolve("logs")
                .resolve("default_" + pod.name() + "_" + pod.uid())
                .resolve(container);
    }

    KubeletTraces traces() {
        return traces;
    }

    private Path logFile() {
        return folder.resolve("kubelet.log");
    }

    String log() {
        return Berth.read(logFile());
    }

    String lastLines() {
        List<String> lines = log().lines().filter(line -> !line.contains(HUM)).toList();
        return "the end of the kubelet's log:\n"
                + String.join("\n", lines.subList(Math.max(0, lines.size() - LAST_LINES), lines.size()));
    }

    /** Ends the kubelet; its pods stay. */
    void stop() throws InterruptedException {
        process.destroy();
        boolean obeyed = Berth.ended(process);
        process.destroyForcibly().waitFor();
        assertThat(obeyed)
                .as(() -> "it ends when it is told to; " + lastLines())
                .isTrue();
    }

    /** Takes back what it has made; it and its pods must have ended. */
    @Override
    public void close() throws IOException {
        client.close();
        try {
            traces.remove();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}

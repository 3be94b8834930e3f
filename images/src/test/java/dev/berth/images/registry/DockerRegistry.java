package dev.berth.images.registry;

import static org.assertj.core.api.Assertions.assertThat;

import dev.berth.kernel.Ticker;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;

/** Debian's docker-registry on a port of loopback, with its content in a folder. */
public final class DockerRegistry implements AutoCloseable {
    /** "me" with the password "secret". */
    private static final String HTPASSWD = "me:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";

    private static final Path PROGRAM = Path.of("/usr/bin/docker-registry");

    private final Process process;
    private final int port;

    private DockerRegistry(Process process, int port) {
        this.process = process;
        this.port = port;
    }

    /**
     * Starts one, or skips the test if it is not installed.
     *
     * @param logins whether it wants a name and a password
     */
    public static DockerRegistry start(Path folder, boolean logins) throws Exception {
        Files.writeString(Files.createDirectories(folder).resolve("htpasswd"), HTPASSWD);
        return start(
                folder,
                logins ? "auth: {htpasswd: {realm: berth, path: " + folder.resolve("htpasswd") + "}}\n" : "",
                "");
    }

    /** Starts one that speaks TLS, and so HTTP/2. */
    static DockerRegistry startTls(Path folder, Path certificate, Path key) throws Exception {
        Files.createDirectories(folder);
        return start(folder, "", ", tls: {certificate: '" + certificate + "', key: '" + key + "'}");
    }

    private static DockerRegistry start(Path folder, String auth, String tls) throws Exception {
        Assumptions.assumeTrue(Files.isExecutable(PROGRAM), "docker-registry is not installed");
        int port;
        try (var free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Path config = Files.writeString(
                folder.resolve("registry.yml"),
                "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " + folder.resolve("data")
                        + "}}\nhttp: {addr: '127.0.0.1:" + port + "'" + tls + "}\n" + auth);
        Process process = new ProcessBuilder(PROGRAM.toString(), "serve", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(new File("/dev/null"))
                .start();
        var registry = new DockerRegistry(process, port);
        registry.await();
        return registry;
    }

    public String authority() {
        return "127.0.0.1:" + port;
    }

    private void await() throws InterruptedException {
        for (int i = 0; i < 2400; i++) {
            try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                assertThat(socket.isConnected()).isTrue();
                return;
            } catch (IOException notYet) {
                Ticker.system().sleep(Duration.ofMillis(50));
            }
        }
    }

    @Override
    public void close() {
        process.destroy();
        assertThat(process.onExit().orTimeout(120, TimeUnit.SECONDS)).succeedsWithin(Duration.ofMinutes(3));
    }
}

package dev.berth.verify;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** Debian's docker-registry on a port of loopback, to which images can be pushed. */
final class OwnRegistry implements AutoCloseable {
    /** A name and a password, as ctr takes them. */
    static final String LOGIN = "me:secret";

    private static final String HTPASSWD = "me:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";
    private static final Path PROGRAM = Path.of("/usr/bin/docker-registry");

    private final Process process;
    private final int port;

    private OwnRegistry(Process process, int port) {
        this.process = process;
        this.port = port;
    }

    /**
     * Starts one, or skips the test if it is not installed.
     *
     * @param logins whether it wants {@link #LOGIN}
     */
    static OwnRegistry start(Path folder, boolean logins) throws IOException, InterruptedException {
        Assumptions.assumeTrue(Files.isExecutable(PROGRAM), "docker-registry is not installed");
        int port;
        try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        Path words = Files.writeString(Files.createDirectories(folder).resolve("htpasswd"), HTPASSWD);
        String auth = logins ? "auth: {htpasswd: {realm: berth, path: %s}}\n".formatted(words) : "";
        Path config =
                Files.writeString(folder.resolve("registry.yml"), """
                version: 0.1
                storage: {filesystem: {rootdirectory: %s}}
                http: {addr: "127.0.0.1:%d"}
                %s""".formatted(folder.resolve("data"), port, auth));
        Process process = new ProcessBuilder(PROGRAM.toString(), "serve", config.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile())
                .start();
        var registry = new OwnRegistry(process, port);
        try {
            Berth.until("the registry listens", Berth.LIMIT, registry::listens);
            return registry;
        } catch (InterruptedException | AssertionError e) {
            registry.close();
            throw e;
        }
    }

    private boolean listens() {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        } catch (IOException notYet) {
            return false;
        }
    }

    String authority() {
        return "127.0.0.1:" + port;
    }

    @Override
    public void close() throws IOException {
        try {
            process.destroyForcibly().waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }
}

package dev.berth.cri.streaming;

import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Where and how the server listens.
 *
 * @param port 0 for any that is free
 * @param tls null for plain HTTP
 * @param idle how long nothing may move on a connection before it is closed
 */
public record StreamingConfig(
        InetAddress address, int port, @Nullable Tls tls, Duration idle) {
    /** Files in PEM: the certificate with its chain, and its key (PKCS #8). */
    public record Tls(Path certificate, Path key) {}
}

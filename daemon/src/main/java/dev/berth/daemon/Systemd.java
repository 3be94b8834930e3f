package dev.berth.daemon;

import dev.berth.linux.NotifySocket;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells systemd how far the daemon is, if systemd started it and asked to be told (Type=notify). */
final class Systemd {
    private static final Logger LOG = LoggerFactory.getLogger(Systemd.class);

    private Systemd() {}

    static void ready() {
        tell("READY=1");
    }

    static void stopping() {
        tell("STOPPING=1");
    }

    private static void tell(String state) {
        String address = System.getenv("NOTIFY_SOCKET");
        if (address == null || address.isEmpty()) {
            return;
        }
        try {
            NotifySocket.send(address, state.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            LOG.warn("systemd was not told {}", state, e);
        }
    }
}

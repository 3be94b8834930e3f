package dev.berth.cri.streaming;

import dev.berth.cri.streaming.Session.Wanted;
import dev.berth.kernel.Ticker;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;

/** A server on loopback with commands to talk to. */
final class Served implements AutoCloseable {
    static final Wanted ALL = new Wanted(true, true, true, false);
    static final Wanted TERMINAL = new Wanted(true, true, false, true);
    static final Wanted OUTPUT = new Wanted(false, true, true, false);

    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final StreamingServer server;

    private Served(StreamingServer server) {
        this.server = server;
    }

    static Served start() {
        return start(Duration.ofMinutes(5), Ticker.system());
    }

    static Served start(Duration idle, Ticker ticker) {
        return new Served(
                StreamingServer.of(new StreamingConfig(InetAddress.getLoopbackAddress(), 0, null, idle), ticker));
    }

    String url(Wanted wanted, RemoteCommand body) {
        return server.url(new Session.Command("exec", wanted, body));
    }

    String url(PortOpener opener, Integer... ports) {
        return server.url(new Session.Forwarding(List.of(ports), opener));
    }

    StreamingServer server() {
        return server;
    }

    /** Gives back what it gets, and ends with a status. */
    static RemoteCommand cat(int status) {
        return client -> {
            InputStream in = client.stdin();
            OutputStream out = client.stdout();
            if (in != null && out != null) {
                in.transferTo(out);
            }
            return status;
        };
    }

    /** Says something on both outputs, and ends with a status. */
    static RemoteCommand talk(int status) {
        return client -> {
            say(client.stdout(), "out");
            say(client.stderr(), "err");
            return status;
        };
    }

    static void say(@org.jspecify.annotations.Nullable OutputStream to, String text) throws IOException {
        if (to != null) {
            to.write(text.getBytes(StandardCharsets.UTF_8));
        }
    }

    static void until(String what, BooleanSupplier condition) throws InterruptedException {
        Ticker ticker = Ticker.system();
        long start = ticker.nanos();
        while (!condition.getAsBoolean()) {
            if (ticker.since(start).compareTo(LIMIT) > 0) {
                throw new AssertionError("waited in vain until " + what);
            }
            ticker.sleep(Duration.ofMillis(5));
        }
    }

    @Override
    public void close() {
        server.close();
    }
}

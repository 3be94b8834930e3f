package dev.berth.images.registry;

import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The JDK's clients, each with the connections that one way of reaching hosts allows to share. Callers may bring settings of their own for
 * each call, so only those that were used last are kept. Thread-safe.
 */
final class Clients implements AutoCloseable {
    /** More than a node has of different certificates; each that is kept costs a thread. */
    static final int MOST = 16;

    /** What makes two connections differ. */
    private record Key(Host.Tls tls, Duration connect, boolean secure) {}

    /** A client and the state of the files that it was made from. */
    private record Made(HttpClient client, Map<Path, Object> files) {}

    private final Proxies proxies;
    private final Map<Key, Made> made = new LinkedHashMap<>(MOST, 0.75f, true); // the one used longest ago first

    Clients(Proxies proxies) {
        this.proxies = proxies;
    }

    /**
     * The one for some settings; a new one if their files have changed.
     *
     * @param connect how long a connection may take to be there
     * @throws dev.berth.kernel.Fault FAILED_PRECONDITION if the files are no certificates
     */
    HttpClient of(Host.Tls tls, Duration connect, boolean secure) {
        Key key = new Key(tls, connect, secure);
        Map<Path, Object> files = stamps(tls);
        synchronized (made) {
            Made known = made.get(key);
            if (known != null && known.files.equals(files)) {
                return known.client;
            }
            HttpClient anew = newClient(key);
            if (known != null) {
                known.client.shutdown(); // what is under way ends in its own time
            }
            made.put(key, new Made(anew, files));
            if (made.size() > MOST) {
                var oldest = made.values().iterator();
                oldest.next().client.shutdown();
                oldest.remove();
            }
            return anew;
        }
    }

    /** How many there are. */
    int count() {
        synchronized (made) {
            return made.size();
        }
    }

    /** When the files of a host's settings were written: certificates are replaced before they expire. */
    private static Map<Path, Object> stamps(Host.Tls tls) {
        Map<Path, Object> stamps = new HashMap<>();
        for (Path file : tls.files()) {
            try {
                stamps.put(file, Files.getLastModifiedTime(file));
            } catch (IOException e) {
                stamps.put(file, ""); // told when it is read
            }
        }
        return stamps;
    }

    private HttpClient newClient(Key key) {
        HttpClient.Builder builder = HttpClient.newBuilder()
                .proxy(proxies)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(key.connect());
        if (key.secure()) {
            return builder.sslContext(Trust.context(key.tls())).build();
        }
        // Over plain HTTP the upgrade to HTTP/2 confuses more servers than it helps.
        return builder.version(HttpClient.Version.HTTP_1_1)
                .sslContext(Trust.nobody())
                .build();
    }

    @Override
    public void close() {
        synchronized (made) {
            made.values().forEach(each -> each.client.shutdownNow());
        }
    }
}

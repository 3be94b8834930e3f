package dev.berth.images.sample;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpContext;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import dev.berth.images.sample.ImageBuilder.Built;
import dev.berth.oci.Descriptor;
import dev.berth.oci.Digest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.LongAdder;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import org.jspecify.annotations.Nullable;

/** A read-only registry on a loopback port, serving images from memory. Knows HEAD and ranges. */
public final class ServedRegistry implements AutoCloseable {
    private static final Pattern PATH = Pattern.compile("/v2/(.+)/(manifests|blobs)/([^/]+)");
    private static final Pattern RANGE = Pattern.compile("bytes=([0-9]{1,9})-([0-9]{0,9})");

    private static final int PIECE = 64 << 10;

    private final HttpServer server;
    private final LongAdder served = new LongAdder();
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<String, Descriptor> tags = new ConcurrentHashMap<>();
    private final Map<Digest, byte[]> blobs = new ConcurrentHashMap<>();
    private final Map<Digest, String> manifestTypes = new ConcurrentHashMap<>();

    private ServedRegistry(HttpServer server, Filter... filters) {
        this.server = server;
        HttpContext context = server.createContext("/", this::answer);
        context.getFilters().addAll(List.of(filters));
        server.setExecutor(threads);
        server.start();
    }

    private static InetSocketAddress anyPort() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    }

    /**
     * Starts on a free port.
     *
     * @param filters asked first, in order; a test lets them misbehave
     */
    public static ServedRegistry start(Filter... filters) throws IOException {
        return new ServedRegistry(HttpServer.create(anyPort(), 0), filters);
    }

    /**
     * Starts with TLS on a free port.
     *
     * @param clients whether clients must show a certificate that the context trusts
     */
    public static ServedRegistry startTls(SSLContext context, boolean clients, Filter... filters) throws IOException {
        HttpsServer secure = HttpsServer.create(anyPort(), 0);
        secure.setHttpsConfigurator(new HttpsConfigurator(context) {
            @Override
            public void configure(HttpsParameters parameters) {
                SSLParameters ours = context.getDefaultSSLParameters();
                ours.setNeedClientAuth(clients);
                parameters.setSSLParameters(ours);
            }
        });
        return new ServedRegistry(secure, filters);
    }

    /** Host and port, as they stand in a reference: {@code 127.0.0.1:40123}. */
    public String authority() {
        return "127.0.0.1:" + server.getAddress().getPort();
    }

    /** Serves an image under a name; an image that had it before is still there by its digest. */
    public ServedRegistry add(String repository, String tag, Built image) {
        blobs.putAll(image.blobs());
        for (Descriptor each : List.of(image.target(), image.manifest())) {
            manifestTypes.put(each.digest(), each.mediaType());
        }
        tags.put(repository + ":" + tag, image.target());
        return this;
    }

    /** Lets a name point to any bytes as a manifest. */
    public ServedRegistry add(String repository, String tag, String mediaType, byte[] manifest) {
        Digest digest = Digest.of(manifest);
        blobs.put(digest, manifest);
        manifestTypes.put(digest, mediaType);
        tags.put(repository + ":" + tag, Descriptor.of(mediaType, digest, manifest.length));
        return this;
    }

    /** Size of everything that is served. */
    public long totalBytes() {
        return blobs.values().stream().mapToLong(blob -> blob.length).sum();
    }

    /** How much of it was sent so far. */
    public long servedBytes() {
        return served.sum();
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            Matcher path = PATH.matcher(exchange.getRequestURI().getPath());
            if (exchange.getRequestURI().getPath().equals("/v2/")) {
                send(exchange, 200, "{}".getBytes(StandardCharsets.UTF_8));
            } else if (!path.matches()) {
                error(exchange, "NAME_UNKNOWN");
            } else if (path.group(2).equals("blobs")) {
                blob(exchange, path.group(3));
            } else {
                manifest(exchange, path.group(1), path.group(3));
            }
        }
    }

    private void manifest(HttpExchange exchange, String repository, String wanted) throws IOException {
        Descriptor tagged = tags.get(repository + ":" + wanted);
        Digest digest = tagged != null ? tagged.digest() : wanted.contains(":") ? Digest.parse(wanted) : null;
        String type = digest == null ? null : manifestTypes.get(digest);
        if (digest == null || type == null) {
            error(exchange, "MANIFEST_UNKNOWN");
            return;
        }
        exchange.getResponseHeaders().set("Content-Type", type);
        exchange.getResponseHeaders().set("Docker-Content-Digest", digest.toString());
        send(exchange, 200, blobs.get(digest));
    }

    private void blob(HttpExchange exchange, String wanted) throws IOException {
        byte[] bytes = wanted.contains(":") ? blobs.get(Digest.parse(wanted)) : null;
        if (bytes == null) {
            error(exchange, "BLOB_UNKNOWN");
            return;
        }
        exchange.getResponseHeaders().set("Content-Type", "application/octet-stream");
        exchange.getResponseHeaders().set("Docker-Content-Digest", wanted);
        Matcher range =
                RANGE.matcher(String.valueOf(exchange.getRequestHeaders().getFirst("Range")));
        if (!range.matches() || Integer.parseInt(range.group(1)) >= bytes.length) {
            send(exchange, 200, bytes);
            return;
        }
        int from = Integer.parseInt(range.group(1));
        int to = range.group(2).isEmpty() ? bytes.length : Math.min(bytes.length, Integer.parseInt(range.group(2)) + 1);
        exchange.getResponseHeaders().set("Content-Range", "bytes " + from + "-" + (to - 1) + "/" + bytes.length);
        send(exchange, 206, Arrays.copyOfRange(bytes, from, to));
    }

    private void error(HttpExchange exchange, String code) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        String json = "{\"errors\":[{\"code\":\"" + code + "\",\"message\":\"not served here\"}]}";
        send(exchange, 404, json.getBytes(StandardCharsets.UTF_8));
    }

    private void send(HttpExchange exchange, int status, byte @Nullable [] body) throws IOException {
        byte[] bytes = body == null ? new byte[0] : body;
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.getResponseHeaders().set("Content-Length", Integer.toString(bytes.length));
            exchange.sendResponseHeaders(status, -1);
            return;
        }
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        for (int at = 0; at < bytes.length; at += PIECE) {
            int length = Math.min(PIECE, bytes.length - at);
            exchange.getResponseBody().write(bytes, at, length);
            served.add(length);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow(); // a client that hangs must not keep us
    }
}

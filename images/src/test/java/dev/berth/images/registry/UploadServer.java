package dev.berth.images.registry;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.berth.oci.Digest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** The pushing half of a registry that takes large blobs only in pieces. */
final class UploadServer implements AutoCloseable {
    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final int most;
    private final ByteArrayOutputStream upload = new ByteArrayOutputStream();
    private final Map<String, byte[]> taken = new ConcurrentHashMap<>();

    private UploadServer(HttpServer server, int most) {
        this.server = server;
        this.most = most;
    }

    /** @param most bytes that it takes in one request */
    static UploadServer start(int most, Faults faults) throws IOException {
        var made = new UploadServer(
                HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0), most);
        made.server.createContext("/", made::answer).getFilters().addAll(List.of(faults));
        made.server.setExecutor(made.threads);
        made.server.start();
        return made;
    }

    String authority() {
        return "127.0.0.1:" + server.getAddress().getPort();
    }

    byte[] taken(Digest digest) {
        return taken.getOrDefault(digest.toString(), new byte[0]);
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readAllBytes();
            int status = status(exchange, body);
            exchange.sendResponseHeaders(status, -1);
        }
    }

    private synchronized int status(HttpExchange exchange, byte[] body) {
        String path = exchange.getRequestURI().getPath();
        var headers = exchange.getResponseHeaders();
        return switch (exchange.getRequestMethod()) {
            case "HEAD" -> 404;
            case "POST" -> {
                upload.reset();
                headers.set("Location", "/session?state=first");
                headers.set("OCI-Chunk-Min-Length", "100");
                yield 202;
            }
            case "GET" -> {
                headers.set("Range", "0-" + (upload.size() - 1));
                headers.set("Location", "/session?state=asked");
                yield 204;
            }
            case "PATCH" -> patch(exchange, body);
            default -> put(exchange, path, body);
        };
    }

    private int patch(HttpExchange exchange, byte[] body) {
        String range = exchange.getRequestHeaders().getFirst("Content-Range");
        if (!range.equals(upload.size() + "-" + (upload.size() + body.length - 1))) {
            return 416;
        }
        upload.writeBytes(body);
        exchange.getResponseHeaders().set("Location", "/session?state=next");
        return 202;
    }

    private int put(HttpExchange exchange, String path, byte[] body) {
        if (path.contains("/manifests/")) {
            taken.put(Digest.of(body).toString(), body);
            return 201;
        }
        if (body.length > most) {
            return 413;
        }
        upload.writeBytes(body);
        String digest = exchange.getRequestURI().getQuery().replaceFirst(".*digest=", "");
        if (!Digest.of(upload.toByteArray()).toString().equals(digest)) {
            return 400;
        }
        taken.put(digest, upload.toByteArray());
        return 201;
    }

    /** Takes only the beginning of a piece, and breaks the connection. */
    Faults.Misdeed breaks(int keeps) {
        return exchange -> {
            byte[] body = exchange.getRequestBody().readAllBytes();
            synchronized (this) {
                upload.writeBytes(Arrays.copyOf(body, keeps));
            }
            throw new IOException("broken");
        };
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}

package dev.berth.images.registry;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Lets a registry misbehave as a test wants, and remembers what it was asked. */
public final class Faults extends Filter {
    /** Answers in the registry's place. */
    public interface Misdeed {
        void answer(HttpExchange exchange) throws IOException;
    }

    private record Rule(Predicate<HttpExchange> when, Misdeed misdeed) {}

    private final List<Rule> rules = new CopyOnWriteArrayList<>();
    private final List<String> seen = new CopyOnWriteArrayList<>();

    /** Requests so far, as {@code GET /v2/… Range=… Authorization=…}. */
    public List<String> seen() {
        return List.copyOf(seen);
    }

    /** Requests so far whose text contains some words. */
    public long count(String words) {
        return seen.stream().filter(it -> it.contains(words)).count();
    }

    /** For the next requests whose path contains some words: as often as said, then never again. */
    public Faults next(int times, String pathPart, Misdeed misdeed) {
        int[] left = {times};
        return always(
                exchange -> {
                    synchronized (left) {
                        return exchange.getRequestURI().getPath().contains(pathPart) && left[0]-- > 0;
                    }
                },
                misdeed);
    }

    public Faults always(String pathPart, Misdeed misdeed) {
        return always(exchange -> exchange.getRequestURI().getPath().contains(pathPart), misdeed);
    }

    public Faults always(Predicate<HttpExchange> when, Misdeed misdeed) {
        rules.add(new Rule(when, misdeed));
        return this;
    }

    @Override
    public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
        seen.add(exchange.getRequestMethod() + " " + exchange.getRequestURI() + header(exchange, "Range")
                + header(exchange, "Authorization") + header(exchange, "X-Test"));
        for (Rule rule : rules) {
            if (rule.when.test(exchange)) {
                try (exchange) {
                    rule.misdeed.answer(exchange);
                }
                return;
            }
        }
        chain.doFilter(exchange);
    }

    private static String header(HttpExchange exchange, String name) {
        @Nullable String value = exchange.getRequestHeaders().getFirst(name);
        return value == null ? "" : " " + name + "=" + value;
    }

    @Override
    public String description() {
        return "faults";
    }

    public static Misdeed reply(int status, String type, byte[] body) {
        return exchange -> {
            exchange.getResponseHeaders().set("Content-Type", type);
            boolean head = exchange.getRequestMethod().equals("HEAD");
            exchange.sendResponseHeaders(status, head || body.length == 0 ? -1 : body.length);
            if (!head) {
                exchange.getResponseBody().write(body);
            }
        };
    }

    public static Misdeed status(int status, String... headers) {
        return exchange -> {
            for (int i = 0; i < headers.length; i += 2) {
                exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
            }
            exchange.sendResponseHeaders(status, -1);
        };
    }

    public static Misdeed html() {
        return reply(200, "text/html; charset=utf-8", "<html>login</html>".getBytes(StandardCharsets.UTF_8));
    }

    /** Announces all and sends a part. */
    public static Misdeed truncated(byte[] body, int sent) {
        return exchange -> {
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body, 0, sent);
            exchange.getResponseBody().flush();
        };
    }

    /** Sends a part and then nothing until the other side has gone. */
    public static Misdeed hang(byte[] body, int sent) {
        return exchange -> {
            if (body.length > 0) {
                exchange.sendResponseHeaders(200, body.length);
                exchange.getResponseBody().write(body, 0, sent);
                exchange.getResponseBody().flush();
            }
            try {
                new CountDownLatch(1).await(); // interrupted when the server stops
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        };
    }
}

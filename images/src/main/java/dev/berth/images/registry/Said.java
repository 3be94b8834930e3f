package dev.berth.images.registry;

import dev.berth.kernel.Ticker;
import dev.berth.oci.MediaTypes;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One request and its answer, as a {@link Transcript} has them. For one thread at a time. */
final class Said implements BodyStream.Witness {
    private static final Ticker TICKER = Ticker.system();
    private static final int MOST_BYTES = 64 << 10;
    private static final String HIDDEN = "[hidden]";
    private static final String SECRET =
            "[^\"=&?]*(?:token|secret|password|signature|credential|authorization|cookie|api-?key)[^\"=&]*";
    private static final Pattern SECRET_NAME = Pattern.compile(SECRET, Pattern.CASE_INSENSITIVE);
    private static final Pattern IN_QUERY =
            Pattern.compile("([?&](?:sig|" + SECRET + ")=)[^&\\s]*", Pattern.CASE_INSENSITIVE);
    private static final Pattern IN_JSON =
            Pattern.compile("(\"" + SECRET + "\"\\s*:\\s*)\"(?:[^\"\\\\]|\\\\.)*+\"", Pattern.CASE_INSENSITIVE);

    private final Transcript transcript;
    private final HttpRequest request;
    private final long start = TICKER.nanos();
    private final ByteArrayOutputStream text = new ByteArrayOutputStream();
    private String type = "";
    private long bytes;

    Said(Transcript transcript, HttpRequest request) {
        this.transcript = transcript;
        this.request = request;
    }

    /** The request as it is sent. */
    void asked(@Nullable Body body) {
        if (!transcript.messages()) {
            return;
        }
        URI uri = request.uri();
        String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
        var told = new StringBuilder()
                .append("%s %s HTTP/1.1\n".formatted(request.method(), hidden(uri.getRawPath() + query)))
                .append("Host: ")
                .append(uri.getRawAuthority())
                .append('\n');
        heads(told, request.headers());
        if (body != null && body.length() > 0) {
            told.append("[%d bytes, not shown]\n\n".formatted(body.length()));
        }
        tell(told.toString());
    }

    /** What came back; its body as it is read. */
    void answered(HttpResponse<BodyStream> response) {
        boolean second = response.version() == HttpClient.Version.HTTP_2;
        if (transcript.times()) {
            tell("%s %s: %d over HTTP/%s from %s after %d ms\n"
                    .formatted(
                            request.method(),
                            hidden(request.uri().toString()),
                            response.statusCode(),
                            second ? "2" : "1.1",
                            request.uri().getRawAuthority(),
                            (TICKER.nanos() - start) / 1_000_000));
        }
        if (transcript.messages()) {
            var told = new StringBuilder("HTTP/%s %d\n".formatted(second ? "2.0" : "1.1", response.statusCode()));
            heads(told, response.headers());
            tell(told.toString());
            type = MediaTypes.bare(response.headers().firstValue("Content-Type").orElse(""));
            response.body().showTo(this);
        }
    }

    /** That nothing came. */
    void unanswered() {
        if (transcript.messages() || transcript.times()) {
            tell("%s %s: no answer after %d ms\n"
                    .formatted(
                            request.method(), hidden(request.uri().toString()), (TICKER.nanos() - start) / 1_000_000));
        }
    }

    @Override
    public void saw(ByteBuffer part) {
        bytes += part.remaining();
        if (isText() && text.size() < MOST_BYTES) {
            byte[] copy = new byte[Math.min(part.remaining(), MOST_BYTES - text.size())];
            part.get(copy);
            text.writeBytes(copy);
        }
    }

    @Override
    public void over() {
        if (isText() && bytes > 0) {
            String shown =
                    IN_JSON.matcher(text.toString(StandardCharsets.UTF_8)).replaceAll("$1\"" + HIDDEN + "\"");
            boolean cut = bytes > text.size();
            tell(shown + (shown.endsWith("\n") ? "" : "\n") + (cut ? "[%d bytes in all]\n".formatted(bytes) : "")
                    + "\n");
        } else if (bytes > 0) {
            tell("[%d bytes, not shown]\n\n".formatted(bytes));
        }
    }

    private boolean isText() {
        return type.startsWith("text/") || type.endsWith("json") || type.endsWith("xml");
    }

    private static void heads(StringBuilder told, HttpHeaders headers) {
        headers.map()
                .forEach((name, values) -> values.forEach(value -> told.append(name)
                        .append(": ")
                        .append(hidden(name, value))
                        .append('\n')));
        told.append('\n');
    }

    private static String hidden(String name, String value) {
        if (name.toLowerCase(Locale.ROOT).equals("authorization") && value.indexOf(' ') > 0) {
            return value.substring(0, value.indexOf(' ')) + " " + HIDDEN;
        }
        return SECRET_NAME.matcher(name).matches() ? HIDDEN : hidden(value);
    }

    private static String hidden(String address) {
        return IN_QUERY.matcher(address).replaceAll("$1" + HIDDEN);
    }

    private void tell(String lines) {
        transcript.to().accept(lines);
    }
}

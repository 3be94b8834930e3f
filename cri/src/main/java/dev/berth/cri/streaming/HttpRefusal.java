package dev.berth.cri.streaming;

import java.util.List;

/** A request that is answered with an error, and with which the connection ends. */
final class HttpRefusal extends Exception {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String phrase;
    private final transient List<String> headers;

    /** @param headers whole lines without their end */
    HttpRefusal(int status, String phrase, String message, List<String> headers) {
        super(message);
        this.status = status;
        this.phrase = phrase;
        this.headers = List.copyOf(headers);
    }

    static HttpRefusal badRequest(String message) {
        return new HttpRefusal(400, "Bad Request", message, List.of());
    }

    static HttpRefusal notFound() {
        return new HttpRefusal(
                404,
                "Not Found",
                "there is no such session, or it was used, or a minute has passed; ask for a new URL",
                List.of());
    }

    static HttpRefusal forbidden(String message, List<String> headers) {
        return new HttpRefusal(403, "Forbidden", message, headers);
    }

    int status() {
        return status;
    }

    String phrase() {
        return phrase;
    }

    List<String> headers() {
        return headers;
    }
}

package dev.berth.cri.streaming;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The head of a request. A request with a body is refused: nothing that comes here has one.
 *
 * @param path without query
 * @param headers by name in lower case; each with its values as they came
 */
record HttpRequest(String method, String path, Map<String, List<String>> headers) {
    private static final int LONGEST_HEAD = 16 << 10;
    private static final int MOST_HEADERS = 100;

    /** Reads up to and including the empty line, byte by byte: what follows belongs to another protocol. */
    static HttpRequest read(InputStream in) throws IOException, HttpRefusal {
        int[] left = {LONGEST_HEAD};
        String[] first = line(in, left).split(" ", -1);
        if (first.length != 3 || !first[2].equals("HTTP/1.1") || !first[1].startsWith("/")) {
            throw HttpRefusal.badRequest("this is no HTTP/1.1 request for a path");
        }
        Map<String, List<String>> headers = new TreeMap<>();
        int count = 0;
        for (String line = line(in, left); !line.isEmpty(); line = line(in, left)) {
            int colon = line.indexOf(':');
            if (colon <= 0 || line.charAt(0) <= ' ' || line.charAt(colon - 1) <= ' ') {
                throw HttpRefusal.badRequest("a header has no name");
            }
            count++;
            if (count > MOST_HEADERS) {
                throw tooLarge();
            }
            headers.computeIfAbsent(line.substring(0, colon).toLowerCase(Locale.ROOT), _ -> new ArrayList<>())
                    .add(line.substring(colon + 1).strip());
        }
        var request = new HttpRequest(first[0], first[1].split("\\?", 2)[0], headers);
        request.requireNoBody();
        return request;
    }

    private static String line(InputStream in, int[] left) throws IOException, HttpRefusal {
        var bytes = new byte[256];
        int length = 0;
        while (true) {
            int b = in.read();
            if (b < 0) {
                throw new EOFException("the client went before its request was whole");
            }
            left[0]--;
            if (left[0] < 0) {
                throw tooLarge();
            }
            if (b == '\n') {
                int end = length > 0 && bytes[length - 1] == '\r' ? length - 1 : length;
                return new String(bytes, 0, end, StandardCharsets.ISO_8859_1);
            }
            if (length == bytes.length) {
                bytes = Arrays.copyOf(bytes, 2 * length);
            }
            bytes[length] = (byte) b;
            length++;
        }
    }

    private static HttpRefusal tooLarge() {
        return new HttpRefusal(431, "Request Header Fields Too Large", "the head is too long", List.of());
    }

    private void requireNoBody() throws HttpRefusal {
        boolean empty = values("content-length").stream().allMatch("0"::equals);
        if (!empty || headers.containsKey("transfer-encoding")) {
            throw HttpRefusal.badRequest("a request to upgrade has no body");
        }
    }

    /** The items of a header that is a list, over all its lines. */
    List<String> values(String name) {
        return headers.getOrDefault(name, List.of()).stream()
                .flatMap(value -> Arrays.stream(value.split(",", -1)))
                .map(String::strip)
                .filter(value -> !value.isEmpty())
                .toList();
    }

    /** Whether a list has an item, in any case. */
    boolean has(String name, String item) {
        return values(name).stream().anyMatch(item::equalsIgnoreCase);
    }

    /** Whether it asks for another protocol. */
    boolean wantsUpgradeTo(String protocol) {
        return has("connection", "upgrade") && has("upgrade", protocol);
    }
}

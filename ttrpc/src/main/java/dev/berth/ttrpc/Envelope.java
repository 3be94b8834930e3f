package dev.berth.ttrpc;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The two messages of ttrpc itself, which wrap what the caller sends and gets. */
final class Envelope {
    private Envelope() {}

    /**
     * {@code ttrpc.Request}.
     *
     * @param timeoutNanos time left for the call; zero means no limit
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Request(
            String service, String method, byte[] payload, long timeoutNanos, Map<String, List<String>> metadata) {
        private static final int OVERHEAD = 128;

        byte[] encode() {
            var out = new WireWriter(payload.length + OVERHEAD)
                    .text(1, service)
                    .text(2, method)
                    .bytes(3, payload)
                    .number(4, timeoutNanos);
            metadata.forEach((key, values) -> values.forEach(value -> out.message(5, keyValue(key, value))));
            return out.done();
        }

        static Request decode(byte[] bytes) throws Wire.Malformed {
            String service = "";
            String method = "";
            byte[] payload = NOTHING;
            long timeout = 0;
            Map<String, List<String>> metadata = new LinkedHashMap<>();
            var in = new Wire.Reader(bytes);
            while (in.next()) {
                switch (in.field()) {
                    case 1 -> service = in.text();
                    case 2 -> method = in.text();
                    case 3 -> payload = in.bytes();
                    case 4 -> timeout = in.number();
                    case 5 -> addKeyValue(metadata, in.bytes());
                    default -> {} // from a newer peer
                }
            }
            return new Request(service, method, payload, timeout, metadata);
        }

        private static byte[] keyValue(String key, String value) {
            return new WireWriter(key.length() + value.length() + 8)
                    .text(1, key)
                    .text(2, value)
                    .done();
        }

        private static void addKeyValue(Map<String, List<String>> metadata, byte[] bytes) throws Wire.Malformed {
            String key = "";
            String value = "";
            var in = new Wire.Reader(bytes);
            while (in.next()) {
                switch (in.field()) {
                    case 1 -> key = in.text();
                    case 2 -> value = in.text();
                    default -> {} // from a newer peer
                }
            }
            metadata.computeIfAbsent(key, any -> new ArrayList<>()).add(value);
        }
    }

    /**
     * {@code ttrpc.Response}.
     *
     * @param failure what went wrong; null if the status is OK or absent
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Response(@Nullable TtrpcStatus failure, byte[] payload) {
        static Response ok(byte[] payload) {
            return new Response(null, payload);
        }

        byte[] encode() {
            // Peers of version 1.0 insist on a status, so it is there even when it says OK.
            return new WireWriter(payload.length + 16)
                    .message(1, failure == null ? NOTHING : encode(failure))
                    .bytes(2, payload)
                    .done();
        }

        static Response decode(byte[] bytes) throws Wire.Malformed {
            TtrpcStatus failure = null;
            byte[] payload = NOTHING;
            var in = new Wire.Reader(bytes);
            while (in.next()) {
                switch (in.field()) {
                    case 1 -> failure = status(in.bytes());
                    case 2 -> payload = in.bytes();
                    default -> {} // from a newer peer
                }
            }
            return new Response(failure, payload);
        }

        private static byte[] encode(TtrpcStatus status) {
            var out = new WireWriter(status.reason().length() + 16)
                    .number(1, status.code().number())
                    .text(2, status.reason());
            status.details().forEach(detail -> out.message(3, detail));
            return out.done();
        }

        private static @Nullable TtrpcStatus status(byte[] bytes) throws Wire.Malformed {
            int code = 0;
            String message = "";
            List<byte[]> details = new ArrayList<>();
            var in = new Wire.Reader(bytes);
            while (in.next()) {
                switch (in.field()) {
                    case 1 -> code = (int) in.number();
                    case 2 -> message = in.text();
                    case 3 -> details.add(in.bytes());
                    default -> {} // from a newer peer
                }
            }
            return code == 0 ? null : new TtrpcStatus(TtrpcStatus.Code.of(code), message, details);
        }
    }

    static final byte[] NOTHING = new byte[0];
}

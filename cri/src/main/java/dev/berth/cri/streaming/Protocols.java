package dev.berth.cri.streaming;

import java.util.List;

/** Which of the protocols that a client offers is spoken. */
final class Protocols {
    private static final String V5 = "v5.channel.k8s.io";
    private static final String V4 = "v4.channel.k8s.io";
    private static final String V3 = "v3.channel.k8s.io";
    private static final String V2 = "v2.channel.k8s.io";
    private static final String V1 = "channel.k8s.io";
    private static final String V4_BASE64 = "v4.base64.channel.k8s.io";
    private static final String V1_BASE64 = "base64.channel.k8s.io";
    private static final String PORTS = "portforward.k8s.io";

    /** SPDY inside a WebSocket. */
    static final String TUNNEL = "SPDY/3.1+" + PORTS;

    static final List<String> SPDY_COMMAND = List.of(V4, V3, V2, V1);
    static final List<String> SPDY_PORTS = List.of(PORTS);
    static final List<String> SOCKET_COMMAND = List.of(V5, V4, V4_BASE64, V3, V2, V1, V1_BASE64);
    static final List<String> SOCKET_PORTS = List.of(TUNNEL, V4, V4_BASE64);

    private Protocols() {}

    /**
     * The first that the client offers and we know; empty if it offers none, as the first clients did.
     *
     * @param header the one in which SPDY or WebSocket clients offer
     */
    static String choose(HttpRequest request, String header, List<String> known) throws HttpRefusal {
        List<String> offered = request.values(header);
        if (offered.isEmpty()) {
            return "";
        }
        for (String protocol : offered) {
            if (known.contains(protocol)) {
                return protocol;
            }
        }
        throw HttpRefusal.forbidden(
                "unable to upgrade: unable to negotiate protocol: client supports " + offered + ", server accepts "
                        + known,
                known.stream()
                        .map(protocol -> "X-Accepted-Stream-Protocol-Versions: " + protocol)
                        .toList());
    }

    /** Whether the end of a command is told as a structure, and not as a text. */
    static boolean structuredStatus(String protocol) {
        return protocol.equals(V5) || protocol.equals(V4) || protocol.equals(V4_BASE64);
    }

    /** Whether the client may end one direction of a WebSocket's channel. */
    static boolean halfClose(String protocol) {
        return protocol.equals(V5);
    }

    static boolean base64(String protocol) {
        return protocol.equals(V4_BASE64) || protocol.equals(V1_BASE64);
    }

    /** Whether a SPDY client with a terminal opens a stream for its size. */
    static boolean resizes(String protocol) {
        return protocol.equals(V4) || protocol.equals(V3);
    }
}

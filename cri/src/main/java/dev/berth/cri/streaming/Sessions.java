package dev.berth.cri.streaming;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.function.Supplier;

/** Which protocol a connection goes on with, and how a session begins and ends on it. */
final class Sessions {
    private static final String VERSION_HEADER = "x-stream-protocol-version";
    private static final String SOCKET_HEADER = "sec-websocket-protocol";

    /** A command's five, with room for those that a client opens in vain. */
    private static final int COMMAND_STREAMS = 16;

    /** Two for each connection that is forwarded, and room for one that waits for its other half. */
    private static final int PORT_STREAMS = 514;

    /** For what clients send and nobody takes; half a dozen stuck connections. */
    private static final int RESERVE_BYTES = 16 << 20;

    private final Reserve reserve = new Reserve(RESERVE_BYTES);
    private final ExecutorService threads;
    private final Supplier<Duration> idle;

    /** @param idle the limit for a session that begins now */
    Sessions(ExecutorService threads, Supplier<Duration> idle) {
        this.threads = threads;
        this.idle = idle;
    }

    /** Serves until the client has gone. */
    void serve(Connection connection, HttpRequest request, Session session) throws IOException, HttpRefusal {
        if (WebSocket.isWanted(request)) {
            webSocket(connection, request, session);
        } else if (request.wantsUpgradeTo("SPDY/3.1")) {
            spdy(connection, request, session);
        } else {
            throw HttpRefusal.badRequest(
                    "unable to upgrade: the request asks neither for SPDY/3.1 nor for WebSocket (Connection and Upgrade)");
        }
    }

    private void spdy(Connection connection, HttpRequest request, Session session) throws IOException, HttpRefusal {
        boolean command = session instanceof Session.Command;
        String protocol =
                Protocols.choose(request, VERSION_HEADER, command ? Protocols.SPDY_COMMAND : Protocols.SPDY_PORTS);
        var headers = new ArrayList<String>();
        if (!protocol.isEmpty()) {
            headers.add("X-Stream-Protocol-Version: " + protocol);
        }
        HttpAnswer.switching(connection.out(), "SPDY/3.1", headers);
        connection.upgraded(idle.get());
        var spdy = new SpdyConnection(
                connection.in(),
                connection.out(),
                connection.quiet(),
                reserve,
                command ? COMMAND_STREAMS : PORT_STREAMS);
        switch (session) {
            case Session.Command it -> new SpdyCommand(it, protocol, spdy, connection, threads).serve();
            case Session.Forwarding it -> new SpdyForwarding(it, spdy, threads).serve();
        }
    }

    private void webSocket(Connection connection, HttpRequest request, Session session)
            throws IOException, HttpRefusal {
        boolean command = session instanceof Session.Command;
        List<String> known = command ? Protocols.SOCKET_COMMAND : Protocols.SOCKET_PORTS;
        String protocol = Protocols.choose(request, SOCKET_HEADER, known);
        if (session instanceof Session.Forwarding it && it.ports().isEmpty() && !protocol.equals(Protocols.TUNNEL)) {
            throw HttpRefusal.badRequest(
                    "no ports were asked for; name them in PortForwardRequest, or use " + Protocols.TUNNEL);
        }
        HttpAnswer.switching(connection.out(), "websocket", WebSocket.agree(request, protocol));
        connection.upgraded(idle.get());
        var socket = new WebSocket(connection.in(), connection.out(), connection.quiet());
        var channels = new SocketChannels.Setting(socket, protocol, reserve);
        switch (session) {
            case Session.Command it -> new SocketCommand(it, channels, connection, threads).serve();
            case Session.Forwarding it -> {
                if (protocol.equals(Protocols.TUNNEL)) {
                    tunnel(it, socket);
                } else {
                    new SocketForwarding(it, channels, connection, threads).serve();
                }
            }
        }
    }

    private void tunnel(Session.Forwarding session, WebSocket socket) throws IOException {
        var tunnel = new Tunnel(socket);
        var spdy = new SpdyConnection(tunnel.in(), tunnel.out(), tunnel.quiet(), reserve, PORT_STREAMS);
        new SpdyForwarding(session, spdy, threads).serve();
        socket.close(WebSocket.NORMAL);
    }
}

/**
 * Where kubectl's exec, attach and port-forward arrive: an HTTP server that turns a one-time URL into streams.
 *
 * <p>Here: {@link dev.berth.cri.streaming.StreamingServer} with its tickets, HTTP/1.1 up to the upgrade, SPDY/3.1, WebSocket
 * with Kubernetes' channels, SPDY inside WebSocket, and the order in which the streams of a session come and end. Not here:
 * what a command or a port is; a {@link dev.berth.cri.streaming.Session} says how to run it.
 *
 * <p>The frames are ours and not netty's: its SPDY session waits for window updates that Go's spdystream never sends, and
 * with blocking streams on virtual threads a slow reader holds up exactly the one who writes to it.
 *
 * <p>Threads: one virtual thread reads each connection, one runs each session, and each stream that is copied has one. All
 * memory of a connection is bounded; whoever writes faster than the other side reads waits.
 *
 * <p>Always true: a URL works once and for a minute; a connection ends when its session ends, when the client goes, or when
 * nothing has moved for the idle limit; when the server is closed no thread of this room is left.
 *
 * <p>Source: cri-api (api.proto, Exec, Attach, PortForward), Kubernetes' remotecommand and portforward protocols, the SPDY/3.1
 * draft, RFC 6455.
 */
@NullMarked
package dev.berth.cri.streaming;

import org.jspecify.annotations.NullMarked;

/**
 * The ttrpc room: one framed connection over a Unix socket, many calls on it.
 *
 * <p>Here: frames, the two envelope messages (encoded by hand), a client, a server, streams, metadata, deadlines. Not here:
 * any generated message (a payload is bytes), any retry, any reconnect.
 *
 * <p>Threads: a connection has one virtual thread that reads and one that writes; a server adds one for each running call.
 * Nobody else touches the channel, because an interrupt during a read or write would close it for everybody.
 *
 * <p>Always true: after {@code close()} returns, every waiting call has failed with {@code UNAVAILABLE}; what is queued for
 * a peer that does not read is bounded; a message above 4 MiB fails its own call only.
 *
 * <p>Source: containerd/ttrpc, PROTOCOL.md.
 */
@NullMarked
package dev.berth.ttrpc;

import org.jspecify.annotations.NullMarked;

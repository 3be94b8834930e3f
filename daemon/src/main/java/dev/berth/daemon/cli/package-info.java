/**
 * Talking to a running daemon: what commands do, they do over gRPC like every other client.
 *
 * <p>Here: the connection. Not here: anything that looks into the daemon's own files.
 */
@NullMarked
package dev.berth.daemon.cli;

import org.jspecify.annotations.NullMarked;

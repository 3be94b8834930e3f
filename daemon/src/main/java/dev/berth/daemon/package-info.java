/**
 * The daemon: config, wiring, main.
 *
 * <p>Here: {@link dev.berth.daemon.Main}, whose wiring is the table of contents of the program; {@code cli}, commands that
 * speak only gRPC to a running daemon; {@code demo}, a pod to look at. Not here: anything that the wired parts do.
 *
 * <p>Always true: what was opened is closed in reverse order; a setting that is not known is an error, never ignored.
 */
@NullMarked
package dev.berth.daemon;

import org.jspecify.annotations.NullMarked;

/**
 * The system calls of Linux that Java does not offer, as typed calls.
 *
 * <p>Here: everything that touches native memory or starts a process. Each call that fails throws {@link LinuxException}
 * with its errno. Not here: policy; this room does not know what a pod is.
 *
 * <p>Threads: a call that may block for long holds the carrier of a virtual thread, so waiting for readiness goes through
 * one poller thread and other blocking calls run on named platform threads. Every method says if it blocks.
 *
 * <p>Always true: a descriptor made here is close-on-exec; no other package names {@code java.lang.foreign}.
 */
@NullMarked
package dev.berth.linux;

import org.jspecify.annotations.NullMarked;

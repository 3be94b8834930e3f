/**
 * Pipes, terminals and logs of the processes in containers.
 *
 * <p>Here: {@link dev.berth.shim.stdio.ProcessIo}, the standard streams that a process is born with, and
 * {@link dev.berth.shim.stdio.Pumps}, which read output into log files in the form that CRI asks for. Not here: who a process
 * is and when it ends.
 *
 * <p>Threads: one virtual thread reads each pipe, parked in {@code linux.Poller} while there is nothing to read.
 */
@NullMarked
package dev.berth.shim.stdio;

import org.jspecify.annotations.NullMarked;

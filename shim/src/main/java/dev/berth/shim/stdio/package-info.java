/**
 * Pipes, terminals and logs of the processes in containers.
 *
 * <p>Here: {@link dev.berth.shim.stdio.ProcessIo}, the standard streams that a process is born with, and
 * {@link dev.berth.shim.stdio.Pumps}, which read output into log files in the form that CRI asks for. Not here: who a process
 * is and when it ends.
 *
 * <p>Threads: one platform thread waits for the pipes of all logs and a few work on them, whatever the number of containers;
 * a terminal has two virtual threads, parked in {@code linux.Poller} while there is nothing to do.
 *
 * <p>Always true: a byte that a container wrote is in its pipe, in the file of its pump, or in its log, and when it gets into
 * the log it gets there once, however often the supervisor is killed on the way.
 */
@NullMarked
package dev.berth.shim.stdio;

import org.jspecify.annotations.NullMarked;

/**
 * The daemon's side of shims: the processes that own running containers.
 *
 * <p>Here: {@link dev.berth.tasks.Tasks}, the one door to all of them, whether a task runs under our own supervisor or under
 * a foreign shim; starting, watching and replacing the supervisor; both bootstrap protocols of foreign shims; bundles; exec;
 * events with replay; what a pod needs from a shim. Not here: what a container should look like (that is the caller's OCI
 * spec), images, networks, what is to be done about an event.
 *
 * <p>Threads: every call blocks its caller, which should be a virtual thread, for at most the deadline of the call. One
 * virtual thread keeps the supervisor alive, one reads its events, one watches each foreign shim.
 *
 * <p>Always true: every call has a deadline; an event of the supervisor is acknowledged only after every subscriber has
 * taken it; nothing about a task is only in memory, a restarted daemon finds it again from the supervisor and the bundles.
 *
 * <p>Source: containerd, core/runtime/v2/README.md; api/runtime/task/v3/shim.proto; api/runtime/bootstrap/v1.
 */
@NullMarked
package dev.berth.tasks;

import org.jspecify.annotations.NullMarked;

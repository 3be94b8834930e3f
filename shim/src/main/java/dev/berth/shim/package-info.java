/**
 * The supervisor: one process on each node that owns its running containers while daemons come and go.
 *
 * <p>Here: {@link dev.berth.shim.Main}, the services that it answers (Task, Sandbox, Supervisor), what is known of each task
 * and in which order it may change, the namespaces of pods, taking tasks over from a supervisor that died. Sub-packages:
 * {@code runtime} (OCI runtimes as programs), {@code stdio} (pipes, terminals, logs), {@code journal} (what survives us).
 * Not here: images, snapshots, networks, anything of Kubernetes.
 *
 * <p>Threads: a call runs on a virtual thread of its own; one virtual thread waits for the end of each process. Whatever
 * needs namespaces or a cgroup of its own runs on a platform thread that ends with it.
 *
 * <p>Always true: an exit is in the journal before anyone is told of it; a process of ours is reaped by the one thread that
 * waits for it; after a failed or finished create, exec or delete nothing of it is left, or a record says what is to be
 * removed still.
 *
 * <p>Source: containerd, core/runtime/v2/README.md; api/runtime/task/v3/shim.proto.
 */
@NullMarked
package dev.berth.shim;

import org.jspecify.annotations.NullMarked;

/**
 * Pods and containers as the kubelet sees them: creation, life, end and recovery.
 *
 * <p>Here: {@link dev.berth.cri.Pods} and {@link dev.berth.cri.Containers}, which hold the branches and the states;
 * {@link dev.berth.cri.Ledger}, which has every record on disk before anybody hears of it; {@code spec}, which turns a
 * description into an OCI config; {@code grpc}, the edge; {@code streaming}, the server behind the URLs of exec, attach and
 * port-forward, to which {@link dev.berth.cri.Streams} connects containers. Not here: how a process is started ({@code tasks}), how an image
 * arrives ({@code images}), how a pod gets its address ({@code network}).
 *
 * <p>Threads: calls block on the caller's thread, a virtual one; one pod's life is serialised by its lock, one container's
 * by its own. A creation runs on a thread of its own, so that a caller that gives up does not undo it: the retry gets it.
 *
 * <p>Always true: every state is on disk before it is told; a clean-up that failed is left as a record and retried.
 *
 * <p>Source: CRI v1 and the kubelet's use of it.
 */
@NullMarked
package dev.berth.cri;

import org.jspecify.annotations.NullMarked;

/**
 * containerd's own gRPC services, so that the programs that were written for it (ctr, nerdctl) work on Berth's socket.
 *
 * <p>Here: one class for each service, the filter language, the header that names the namespace and the lease, the translation between
 * messages and records, errors as containerd tells them. Not here: what an image, a snapshot or a blob is; each service is a thin
 * edge over {@code store}, {@code images}, {@code snapshots} and {@code tasks}. CRI is {@code cri}'s; neither knows of the other, and
 * what one does the other sees, because the records are the same.
 *
 * <p>Threads: a call runs on its own virtual thread. What hashes or writes much runs on a few platform threads meanwhile.
 *
 * <p>Always true: a service costs nothing until somebody calls it. A record of one namespace is never seen from another; bytes of
 * blobs are shared by all.
 *
 * <p>Source: containerd 2.4, api/services.
 */
@NullMarked
package dev.berth.services;

import org.jspecify.annotations.NullMarked;

/**
 * The edge: CRI's gRPC services on one side, the records of {@code cri} on the other.
 *
 * <p>Here: one class for each service, the translation of messages in both directions, and the only place where a
 * {@link dev.berth.kernel.Fault} becomes a gRPC status. Not here: decisions.
 *
 * <p>Threads: each call runs on a virtual thread of its own and blocks there. A caller that goes away does not interrupt
 * the work; what became of it is there for the caller's retry.
 */
@NullMarked
package dev.berth.cri.grpc;

import org.jspecify.annotations.NullMarked;

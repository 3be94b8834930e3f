/**
 * The Container Runtime Interface, version 1: messages and gRPC stubs.
 *
 * <p>Here: generated code only. Its types stop at the edge, in {@code cri.grpc} and {@code daemon.cli}.
 *
 * <p>Always true: names, numbers and types are those of {@code wire/tables/cri.txt}; a test compares them.
 */
package dev.berth.wire.cri;

/**
 * The services of containerd's own API: messages and gRPC stubs.
 *
 * <p>Here: generated code only, one sub-package for each service. Its types stop at the edge, in {@code services}.
 *
 * <p>Always true: names, numbers and types are those of {@code wire/tables/containerd.txt}; a test compares them.
 */
package dev.berth.wire.containerd;

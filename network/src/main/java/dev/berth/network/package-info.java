/**
 * The network of pods: their namespaces, and what connects them.
 *
 * <p>Here: making, pinning and dropping network namespaces, and the words that both ways of connecting them share. The ways
 * are {@code network.cni} (plugins that the administrator configured) and {@code network.bridge} (built in, without any
 * process). Not here: pods that use the node's own network; they need nothing of this.
 *
 * <p>Threads: every method may be called from any thread, virtual ones too; work inside a namespace happens on a platform
 * thread that ends with it.
 *
 * <p>Always true: what {@code attach} took is on disk before it is taken, so that {@code detach} can give it back after any
 * crash; {@code detach} may be repeated and never needs the caller's deadline.
 *
 * <p>Source: containernetworking/cni SPEC.md 1.1.0; the kubelet's CRI.
 */
@NullMarked
package dev.berth.network;

import org.jspecify.annotations.NullMarked;

/**
 * Pods connected by CNI plugins: programs that an administrator installed and configured.
 *
 * <p>Here: reading the configuration directory, running plugins, results and what is remembered of them. Not here: any
 * knowledge of a particular plugin.
 *
 * <p>Always true: before the first plugin of an ADD runs, the file that a later DEL needs is there, so that DEL uses the
 * configuration of its ADD whatever happened in between, and the one of today only if that ADD never worked; a plugin that fails or hangs costs its deadline and nothing else;
 * what a plugin prints is bounded; JSON that is not ours passes through unchanged.
 *
 * <p>Source: containernetworking/cni SPEC.md, versions 0.3.0 to 1.1.0, and CONVENTIONS.md for the capabilities.
 */
@NullMarked
package dev.berth.network.cni;

import org.jspecify.annotations.NullMarked;

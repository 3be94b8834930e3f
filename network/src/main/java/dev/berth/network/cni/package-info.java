/**
 * Pods connected by CNI plugins.
 */
@NullMarked
package dev.berth.network.cni;

import org.jspecify.annotations.NullMarked;

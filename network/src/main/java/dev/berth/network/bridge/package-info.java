/**
 * The network that needs nothing installed: a bridge, an address for each pod, and rules of nftables, all by messages to the
 * kernel.
 *
 * <p>Here: the choice of address ranges, the journal of leases, the rules. Not here: anything between nodes; limits of
 * bandwidth.
 *
 * <p>Always true: an address is in the journal before it is on a pod, and one that was given back is the last to be given
 * again; a pod without host ports costs no rule; all rules stand in two tables named like the bridge.
 *
 * <p>The journal survives the death of the process, not a power loss, after which no pod is left to own an address.
 */
@NullMarked
package dev.berth.network.bridge;

import org.jspecify.annotations.NullMarked;

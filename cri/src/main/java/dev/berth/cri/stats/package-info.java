/**
 * What containers and pods use, in the figures that CRI asks for.
 *
 * <p>Here: from the kernel's counters to a {@link dev.berth.cri.stats.Usage}, and rates between two readings. Not here:
 * reading counters (linux.cgroup), disk and network figures, anything generated.
 *
 * <p>Threads: any number. Always true: at most one remembered reading for each id, gone with
 * {@link dev.berth.cri.stats.UsageMeter#forget}.
 */
@NullMarked
package dev.berth.cri.stats;

import org.jspecify.annotations.NullMarked;

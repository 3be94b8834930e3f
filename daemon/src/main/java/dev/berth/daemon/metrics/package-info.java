/**
 * What a running daemon tells of itself in numbers, for Prometheus.
 *
 * <p>Here: the metrics, their text form, and a server of one page. Not here: anything that is measured while the page is off;
 * the rooms keep a few counters that they need anyway, and everything else is asked when somebody looks.
 *
 * <p>Always true: every metric begins with {@code berth_}, has a unit in its name where it has one, and is in docs/metrics.md.
 */
@NullMarked
package dev.berth.daemon.metrics;

import org.jspecify.annotations.NullMarked;

/**
 * Images made on the spot, and a registry on loopback that serves them: for the demo and for tests, so that neither needs the internet.
 *
 * <p>Here: a builder of small images, one of them from this machine's own busybox, and a read-only registry. Not here: anything that
 * the daemon needs to run.
 */
@NullMarked
package dev.berth.images.sample;

import org.jspecify.annotations.NullMarked;

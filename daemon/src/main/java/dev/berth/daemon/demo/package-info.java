/**
 * A pod to look at: everything real, on a socket, a state directory and a bridge of its own, gone afterwards.
 *
 * <p>Here: the story and its stage. Not here: anything that a daemon needs; the demo drives one from outside, as a kubelet
 * would.
 */
@NullMarked
package dev.berth.daemon.demo;

import org.jspecify.annotations.NullMarked;

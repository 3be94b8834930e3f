/**
 * What is checked from outside: the shape of the code, and the built program against real clients and real runtimes.
 *
 * <p>Here: architecture, tidiness and budgets (tag {@code static}), end-to-end, fault and conformance tests, benchmarks.
 * Not here: tests of one module, which live beside it. Nothing of this module is shipped.
 */
@NullMarked
package dev.berth.verify;

import org.jspecify.annotations.NullMarked;

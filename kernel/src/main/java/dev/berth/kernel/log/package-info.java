/**
 * How a line of the log looks, the daemon's and the supervisor's: one record, one line, whatever is in it.
 *
 * <p>Here: where all logging of a program meets, how much of it is said, which may change while it runs, and the two forms of a line,
 * for people and for programs. Not here: what is logged, and which ids go with it.
 *
 * <p>Always true: a record ends with the only line feed in it; no control character of a name, a message or an error reaches
 * the log as it is.
 */
@NullMarked
package dev.berth.kernel.log;

import org.jspecify.annotations.NullMarked;

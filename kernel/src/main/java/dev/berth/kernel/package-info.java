/**
 * Words that every room of the house speaks.
 *
 * <p>Here, and this list is closed: {@link Fault} (an error that says what, why and what to do), {@link Rollback} (undo of
 * multi-step creation), {@link Ticker} (monotonic time and sleeping), {@link Disk} (changes that must survive a pulled plug),
 * {@link Namespace} and {@link Ids} (names with rules), {@link JsonString} (text of strangers on one line), {@link Pauses}
 * (between attempts), {@link Timeline} (what took how long), {@link Meanwhile} (two things at once), {@code IdleHeap} and
 * {@code log}, which both programs have. Not here: anything that only two rooms share.
 *
 * <p>Always true: nothing outside this package reads a monotonic clock or sleeps; nothing here depends on another module.
 */
@NullMarked
package dev.berth.kernel;

import org.jspecify.annotations.NullMarked;

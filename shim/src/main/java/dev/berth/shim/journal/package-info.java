/**
 * What the supervisor must still know after its own death: one append-only file of small records.
 *
 * <p>Here: {@link dev.berth.shim.journal.Journal}, names to JSON texts, several changes in one write. Not here: what the
 * records mean.
 *
 * <p>Threads: every method may be called by any thread; writes are short and go one after the other.
 *
 * <p>Always true: when {@code write} has returned, a process that opens the file after a {@code kill -9} of this one sees
 * all of its changes; after a crash in the middle it sees all of them or none.
 */
@NullMarked
package dev.berth.shim.journal;

import org.jspecify.annotations.NullMarked;

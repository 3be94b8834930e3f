/**
 * The store room: what Berth keeps on disk. Content blobs by digest, and one database of records.
 *
 * <p>Here: {@link Blobs} (resumable ingests, verified commits, one flush for many), {@link Metadata} (transactions on typed
 * {@link Records} in SQLite), the lock of the root directory, check and repair. Not here: what the bytes mean (that is
 * {@code oci}), who may be deleted (garbage collection asks the records), unpacked layers ({@code snapshots}).
 *
 * <p>Threads: everything may be called from any thread, virtual ones too. SQLite is native code and would hold a virtual
 * thread's carrier, so one platform thread writes and a few read; a transaction is a lambda that runs there, and must
 * neither block nor call {@link Metadata} again. Hashing happens on the thread that calls {@link Ingest}: give it a platform
 * thread.
 *
 * <p>Always true: a file in {@code blobs/} is whole and was on disk before it got its name. A transaction is there in full
 * or not at all, also after a pulled plug; with {@link Durability#POWER} it is on disk before its caller hears of it.
 * One process owns a root. A database that cannot be read is set aside, never deleted.
 *
 * <pre>
 * root/lock                        the pid of the owner; locked while it lives
 * root/meta/berth.db               SQLite, with its -wal and -shm
 * root/meta/sqlite-VERSION.so       SQLite itself
 * root/meta/set-aside-TIME/        a database that could not be read
 * root/blobs/sha256/HEX            content, mode 0444
 * root/ingest/HASH-OF-REF/data     content on its way, with its description in "about"
 * </pre>
 */
@NullMarked
package dev.berth.store;

import org.jspecify.annotations.NullMarked;

/**
 * Images: how they arrive, under which names they are known, how they go.
 *
 * <p>Here: pull (resolve, download, unpack, commit), list, find, remove; the clean-up of what no image needs any more. Not here: the
 * registry protocol (sub-package {@code registry}), how bytes and records are kept ({@code store}), how layers become file systems
 * ({@code snapshots}).
 *
 * <p>Threads: hashing, inflating and unpacking are CPU or JNI work and run on platform threads of this room, a bounded number of
 * layers at a time; callers may be virtual threads and only wait.
 *
 * <p>Always true: an image that is listed has all its content and all its layers on disk, durably; a digest is fetched once however
 * many pulls ask for it at the same time; a caller that goes away cancels nothing for others.
 */
@NullMarked
package dev.berth.images;

import org.jspecify.annotations.NullMarked;

/**
 * What a checkpoint of a container is on disk: an archive with the state of its processes, what its files have become and
 * what it was, in the layout that other runtimes and their tools use, and a seal that says which node has made it.
 *
 * <p>Who may restore a checkpoint decides what runs, as whom and with what in its memory. So one is only taken that bears the
 * seal of a node that shares this one's key, and nothing of its content decides about mounts, devices, labels or logs: those
 * are the request's.
 */
@NullMarked
package dev.berth.cri.checkpoint;

import org.jspecify.annotations.NullMarked;

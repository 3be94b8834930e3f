/**
 * Control groups: one path in every hierarchy that the host has, whatever their version.
 *
 * <p>Here: which hierarchies there are, making a cgroup, its limits, who is in it, its counters, freezing, killing and
 * removing it. Not here: which path a container gets (a caller's policy), and the systemd driver's D-Bus: with it the OCI
 * runtime makes the cgroup, and this room only reads, freezes, kills and removes it by the path that
 * {@link dev.berth.linux.cgroup.CgroupPath} works out.
 *
 * <p>Version 1, "hybrid" (version 1 controllers beside an empty version 2 tree) and version 2 are all served. On a hybrid
 * host the version 2 tree is not joined: nothing is limited there, and joining it would cost the wait that a thread's move
 * on version 1 avoids. What a runtime makes there is removed with the rest.
 *
 * <p>Threads: any number; nothing is kept in memory but the mount points. Calls are short writes to kernel files, except
 * where a time limit is a parameter: those wait.
 */
@NullMarked
package dev.berth.linux.cgroup;

import org.jspecify.annotations.NullMarked;
